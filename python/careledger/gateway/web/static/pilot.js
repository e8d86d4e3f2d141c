// What needs attention, and the pilot's figures of some days.

import { Problem, around, ask, can, code, facts, icon, locale, make, notAnswered, say, show, time } from "./dom.js";
import { bars, columns, parted, table } from "./charts.js";

const DAY = 86_400;
const BEGIN_DAYS = 30;
const ETHER = 10n ** 18n;

const form = document.getElementById("period");
const [from, to] = ["from", "to"].map((name) => document.getElementById(name));
const problem = document.getElementById("problem");
const progress = document.getElementById("progress");
const result = document.getElementById("result");

const number = new Intl.NumberFormat(locale);
const percent = new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 1 });
const day = new Intl.DateTimeFormat(locale, { year: "numeric", month: "long", day: "numeric" });
const brief = new Intl.DateTimeFormat(locale, { year: "numeric", month: "short", day: "numeric" });
const share = ({ count, of }) => (of ? percent.format(count / of) : "–");
const some = (part) => (part.of ? `${number.format(part.count)} / ${number.format(part.of)} (${share(part)})` : "–");

const UNITS = [["day", DAY], ["hour", 3_600], ["minute", 60], ["second", 1]];

/** So many seconds, as people say it: in the largest unit of which there is one, and the next. */
function duration(seconds) {
  if (seconds === null) return "–";
  const place = UNITS.findIndex(([, size]) => seconds >= size);
  if (place < 0) return unit(0, "second");
  const [[large, size], next] = [UNITS[place], UNITS[place + 1]];
  const left = next && Math.floor((seconds % size) / next[1]);
  const most = unit(Math.floor(seconds / size), large);
  return left ? `${most} ${unit(left, next[0])}` : most;
}

const unit = (count, name) => new Intl.NumberFormat(locale, { style: "unit", unit: name, unitDisplay: "long" }).format(count);

const milliseconds = (micro) => new Intl.NumberFormat(locale, { style: "unit", unit: "millisecond", maximumFractionDigits: 1 }).format(micro / 1_000);

/** Minor units with so many decimals, without losing any. */
function amount(minor, decimals, currency) {
  const [all, one] = [BigInt(minor), 10n ** BigInt(decimals)];
  const fraction = String(all % one).padStart(decimals, "0").replace(/0+$/, "").slice(0, 6).padEnd(2, "0");
  return `${(all / one).toLocaleString(locale)}${decimals ? `.${fraction}` : ""} ${currency}`;
}

function ether(wei) {
  if (BigInt(wei) < ETHER / 1_000_000n) return `${BigInt(wei).toLocaleString(locale)} wei`;
  return `${(BigInt(wei) / ETHER).toLocaleString(locale)}.${String(BigInt(wei) % ETHER).padStart(18, "0").slice(0, 6)} ETH`;
}

// ---------------------------------------------------------------------- alerts

const TELL = {
  outbox_stuck: ({ oldest_seconds: oldest }) => ({ oldest: duration(Number(oldest)) }),
  low_funds: ({ balance_wei: balance, least_wei: least }) => ({ balance: ether(balance), least: ether(least) }),
};

const rule = (one, part) => say(`alert_rules.${one.rule}.${part}`);
const todo = (text) => text.split("`").map((part, place) => (place % 2 ? code(part) : part));

function raised(one) {
  const values = { ...one.figures, ...(TELL[one.rule]?.(one.figures) ?? {}) };
  const lots = one.lots.map((lot) => make("li", {}, code(lot)));
  return make(
    "li",
    { class: `alert alert-${one.severity}` },
    make("h3", {}, icon("warn"), make("span", {}, rule(one, "name")), make("span", { class: "alert-tag" }, say(`alerts.${one.severity}`))),
    make("p", {}, say(`alert_rules.${one.rule}.told`, values), one.since === null ? null : [" ", ...around("alerts.since", { time: time(one.since) })]),
    make("p", { class: "alert-todo" }, make("strong", {}, say("site.do")), " ", todo(rule(one, "todo"))),
    lots.length ? make("details", {}, make("summary", {}, say("alerts.lots")), make("ul", {}, lots)) : null,
  );
}

function unchecked(one) {
  return make(
    "li",
    { class: "alert alert-still" },
    make("h3", {}, icon("silent"), make("span", {}, rule(one, "name")), make("span", { class: "alert-tag" }, say("alerts.unchecked"))),
    make("p", {}, say("alerts.not_checked"), " ", say("alerts.why", { problem: one.problem })),
    make("p", { class: "alert-todo" }, make("strong", {}, say("site.do")), " ", say("alerts.not_checked_todo")),
  );
}

const STANDINGS = { raised: "heading", clear: "in_order", "could not check": "unchecked", "not watched": "unwatched" };

function attention({ alerts }) {
  const of = (standing) => alerts.filter((one) => one.standing === standing);
  const [bad, blind] = [of("raised"), of("could not check")];
  const order = bad.sort((one, other) => Number(other.severity === "critical") - Number(one.severity === "critical"));
  const calm = make("p", { class: "calm" }, icon("ok"), make("span", {}, say(blind.length ? "alerts.none_checked" : "alerts.none")));
  const listed = alerts.map((one) => [rule(one, "name"), say(`alerts.${STANDINGS[one.standing]}`)]);
  const title = say("alerts.rest", { count: alerts.length });
  return [
    bad.length ? null : calm,
    bad.length || blind.length ? make("ul", { class: "alerts" }, order.map(raised), blind.map(unchecked)) : null,
    make("details", { class: "all-rules" }, make("summary", {}, title), table(title, [say("alerts.rule"), say("alerts.standing")], listed)),
  ].filter((one) => one);
}

async function watch() {
  const section = document.getElementById("alerts");
  const place = document.getElementById("alerts-told");
  try {
    place.replaceChildren(...attention(await ask("/alerts")));
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    place.replaceChildren(make("p", { class: "alert alert-still" }, say("alerts.not_checked"), " ", error.message));
  }
  section.setAttribute("aria-busy", "false");
}

// ---------------------------------------------------------------------- figures

const panel = (heading, ...content) => make("div", { class: "panel report" }, make("h3", { class: "report-heading" }, heading), ...content.flat());
const said = (text) => make("p", { class: "nothing" }, icon("none"), make("span", {}, text));
const tiles = (pairs) => make("dl", { class: "tiles" }, pairs.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));

function turnaround({ turnaround: found }) {
  if (!found.count) return panel(say("pilot.turnaround"), said(say("pilot.none_decided")));
  const steps = found.steps.map(({ up_to_seconds: upper, count }, place) => ({
    name: upper === null ? say("pilot.more", { time: duration(found.steps[place - 1].up_to_seconds) }) : say("pilot.up_to", { time: duration(upper) }),
    value: count,
    text: number.format(count),
  }));
  return panel(
    say("pilot.turnaround"),
    make("p", {}, say("pilot.turnaround_what", { count: number.format(found.count) })),
    tiles([
      [say("pilot.median"), duration(found.median_seconds)],
      [say("pilot.ninetieth"), duration(found.ninetieth_percentile_seconds)],
      [say("pilot.average"), duration(found.average_seconds)],
    ]),
    columns(say("pilot.turnaround"), steps),
    table(say("pilot.figures"), [say("pilot.took"), say("pilot.lines"), say("pilot.share")], steps.map(({ name, value, text }) => [name, text, percent.format(value / found.count)])),
  );
}

function automatic({ automatic: found }) {
  if (!found.of) return panel(say("pilot.automatic"), said(say("pilot.none_decided")));
  const people = { count: found.of - found.count, of: found.of };
  const words = `${say("pilot.by_rules")} ${share(found)}, ${say("pilot.by_people")} ${share(people)}`;
  const key = (style, name, part) => make("span", { class: `key ${style}` }, `${name} ${share(part)}`);
  return panel(
    say("pilot.automatic"),
    parted(words, found.count, found.of),
    make("p", { class: "keys" }, key("key-bar", say("pilot.by_rules"), found), key("key-rest", say("pilot.by_people"), people)),
    table(say("pilot.figures"), [say("pilot.who"), say("pilot.lines"), say("pilot.share")], [
      [say("pilot.by_rules"), number.format(found.count), share(found)],
      [say("pilot.by_people"), number.format(people.count), share(people)],
    ]),
  );
}

function outcomes(found) {
  return panel(
    say("pilot.outcomes"),
    facts([
      [say("pilot.received"), number.format(found.received)],
      [say("pilot.pending"), number.format(found.pending)],
      ...["approved", "approved_in_part", "denied", "late"].map((name) => [say(`pilot.${name}`), some(found[name])]),
      [say("pilot.appeals"), `${number.format(found.appeals)} / ${number.format(found.overturned)}`],
    ]),
  );
}

function why({ basis, reason, text }) {
  if (text) return text;
  if (reason) return say("pilot.reason_number", { reason });
  const name = can(`line_bases.${basis}`) ? say(`line_bases.${basis}`) : basis.toLowerCase().replaceAll("_", " ");
  return say("pilot.by_the_rules", { basis: name });
}

function denials({ denials: found }) {
  if (!found.length) return panel(say("pilot.denials"), said(say("pilot.none_denied")));
  const all = found.reduce((sum, { count }) => sum + count, 0);
  const rows = found.map((one) => ({ name: why(one), value: one.count, text: number.format(one.count) })).sort((one, other) => other.value - one.value);
  return panel(
    say("pilot.denials"),
    bars(say("pilot.denials"), rows),
    table(say("pilot.figures"), [say("pilot.reason"), say("pilot.lines"), say("pilot.share")], rows.map(({ name, value, text }) => [name, text, percent.format(value / all)])),
  );
}

function claims(found) {
  const { charged, paid, currency, decimals } = found.amounts;
  const money = (minor) => (decimals === null ? number.format(minor) : amount(minor, decimals, currency));
  return panel(
    say("pilot.claims"),
    facts([
      [say("pilot.submitted"), number.format(found.submitted)],
      [say("pilot.decided"), number.format(found.decided)],
      [say("pilot.automatic"), some(found.automatic)],
      [say("pilot.denied"), some(found.denied)],
      [say("pilot.charged"), money(charged)],
      [say("pilot.paid"), money(paid)],
      [say("pilot.to_credit"), duration(found.median_seconds_to_credit)],
    ]),
  );
}

function recalls(found) {
  if (!found.recalled) return panel(say("pilot.recalls"), said(say("pilot.none_recalled")));
  const short = ({ lot }) => `${lot.slice(0, 10)}…`;
  const took = found.located.map((one) => one.took_microseconds).sort((one, other) => one - other);
  const rows = found.located.map((one) => ({ name: short(one), value: one.took_microseconds, text: milliseconds(one.took_microseconds) }));
  const last = found.recalled > found.located.length ? ` ${say("pilot.recalls_last", { count: found.located.length })}` : "";
  return panel(
    say("pilot.recalls"),
    make("p", {}, say("pilot.recalls_what", { count: number.format(found.recalled) }), last),
    tiles([
      [say("pilot.median"), milliseconds(took[Math.floor((took.length - 1) / 2)])],
      [say("pilot.longest"), milliseconds(took[took.length - 1])],
    ]),
    bars(say("pilot.recalls"), rows),
    table(
      say("pilot.figures"),
      ["lot", "recalled_on", "holders", "packs", "took"].map((name) => say(`pilot.${name}`)),
      found.located.map((one) => [code(one.lot), brief.format(1_000 * one.recalled_at), number.format(one.holders), number.format(one.packs), milliseconds(one.took_microseconds)]),
    ),
  );
}

function gas(found) {
  if (!found.transactions) return panel(say("pilot.gas"), said(say("pilot.no_gas")));
  return panel(
    say("pilot.gas"),
    make("p", {}, say("pilot.gas_what")),
    tiles([
      [say("pilot.transactions"), number.format(found.transactions)],
      [say("pilot.gas_used"), number.format(found.gas)],
      [say("pilot.each"), number.format(Math.round(found.gas / found.transactions))],
      [say("pilot.cost"), ether(found.wei)],
    ]),
  );
}

function report(found) {
  const values = { from: day.format(found.start * 1_000), to: day.format((found.end - 1) * 1_000) };
  const asOf = around("pilot.as_of", { block: number.format(found.as_of.block_number), time: time(found.as_of.block_time) });
  const requests = found.requests;
  return [
    make("h2", { id: "result-heading", tabindex: "-1" }, say("pilot.between", values)),
    make("p", { class: "small" }, asOf),
    ...(requests ? [turnaround(requests), make("div", { class: "pair" }, automatic(requests), outcomes(requests)), denials(requests)] : [said(say("pilot.no_payer"))]),
    found.claims && claims(found.claims),
    found.recalls ? recalls(found.recalls) : said(say("pilot.no_supply")),
    gas(found.gas),
  ].filter((one) => one);
}

// ---------------------------------------------------------------------- the period

/** The first second of a day here, by the field's text. */
const midnight = (text, after = 0) => {
  const [year, month, date] = text.split("-").map(Number);
  return Math.floor(new Date(year, month - 1, date + after).getTime() / 1_000);
};
const written = (date) => [date.getFullYear(), date.getMonth() + 1, date.getDate()].map((part) => String(part).padStart(2, "0")).join("-");

let newest = 0;

/** The last so many days by the chain's clock, or this machine's if it is ahead. */
function last(count) {
  const end = new Date(Math.max(Date.now(), newest * 1_000));
  to.value = written(end);
  from.value = written(new Date(end.getFullYear(), end.getMonth(), end.getDate() - count + 1));
}

let asking = 0;

async function count(brings) {
  const mine = ++asking;
  problem.textContent = "";
  if (!from.value || !to.value || from.value > to.value) {
    problem.textContent = say("pilot.need_days");
    (from.value ? to : from).focus();
    return;
  }
  progress.textContent = say("pilot.working");
  try {
    const found = await ask(`/reports/pilot?from=${midnight(from.value)}&to=${midnight(to.value, 1)}`);
    if (mine !== asking) return;
    if (brings) show(result, ...report(found));
    else {
      result.replaceChildren(...report(found));
      result.hidden = false;
    }
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (mine === asking) show(result, notAnswered(error));
  } finally {
    if (mine === asking) progress.textContent = "";
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  count(true);
});
for (const button of form.querySelectorAll("[data-days]"))
  button.addEventListener("click", () => {
    last(Number(button.dataset.days));
    count(true);
  });
document.getElementById("print").addEventListener("click", () => window.print());

watch();
newest = (await ask("/chain")).block_time ?? 0;
last(BEGIN_DAYS);
count(false);
