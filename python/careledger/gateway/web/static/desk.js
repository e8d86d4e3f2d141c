// What waits at the insurer's desk: the queue, and one line opened.

import { around, ask, can, code, facts, icon, locale, make, named, say, show, time } from "./dom.js";
import { claimDesk } from "./claimdesk.js";
import { deciding } from "./deciding.js";
import { following } from "./following.js";
import { amountText, unitsText, words } from "./quantities.js";

const [HOUR, DAY] = [3_600, 86_400];
const PAGE = 25;

const field = (id) => document.getElementById(id);
const count = new Intl.NumberFormat(locale);
const unit = (value, name) => new Intl.NumberFormat(locale, { style: "unit", unit: name, unitDisplay: "long" }).format(value);
const name = (bytes) => new TextDecoder().decode(Uint8Array.from(bytes.slice(2).match(/../g), (byte) => parseInt(byte, 16)));

const jobs = field("job") && following((block) => (newest = Math.max(newest, block)));
const desk =
  field("deciding") &&
  deciding((job) => {
    close();
    jobs.follow(job);
  });
const claims = claimDesk({
  known: () => known,
  opened: (told) => {
    away();
    show(field("line"), told);
  },
  sent: (job) => {
    close();
    jobs.follow(job);
  },
});
const names = new Map();
let newest = 0; // the block that the queue must know of
let known, next;

// ---------------------------------------------------------------------- the queue

const nameOf = (provider) => names.get(provider) ?? names.set(provider, named(provider)).get(provider);

function title(line) {
  const found = known.classes.find((one) => one.number === line.benefit_class);
  return found ? words(found) : say("desk.class", { number: line.benefit_class });
}

function lasting(seconds) {
  const left = Math.abs(seconds);
  if (left >= DAY) return pair([Math.floor(left / DAY), "day"], [Math.floor((left % DAY) / HOUR), "hour"]);
  return pair([Math.floor(left / HOUR), "hour"], [Math.floor((left % HOUR) / 60), "minute"]);
}

function pair(...parts) {
  const [one, other] = parts.filter(([value], place) => value || place).map((part) => unit(...part));
  return other ? say("desk.and", { one, other }) : one;
}

const tone = ({ seconds_left: left }) => (left < 0 ? "late" : left < DAY ? "soon" : "well");

function left(line) {
  const told = say(line.seconds_left < 0 ? "desk.late" : "desk.left", { time: lasting(line.seconds_left) });
  const due = make("span", { class: "small" }, around("desk.due", { time: time(line.due_at) }));
  return make("p", { class: `left left-${tone(line)}` }, icon(line.seconds_left < 0 ? "warn" : "clock"), make("span", {}, told, due));
}

function tags(line) {
  const found = [
    [line.expedited, "expedited", "tag-care"],
    [line.waits_for === "appeal", "appeal", ""],
    [line.first_opinion !== null, "second", ""],
    [line.extended, "extended", ""],
    [line.marked_overdue, "marked", "tag-care"],
  ];
  return found.filter(([holds]) => holds).map(([, tag, style]) => make("span", { class: `tag ${style}` }, say(`desk.${tag}`)));
}

const why = ({ basis }) => (can(`desk_bases.${basis}`) ? say(`desk_bases.${basis}`) : basis);

async function row(line) {
  const who = await nameOf(line.provider);
  const asked = { units: unitsText(line.milli_units_requested), amount: amountText(line.amount_requested, known) };
  const button = make("button", { class: "button button-quiet", type: "button", "aria-label": say("desk.open_line", { what: title(line), who }) }, say("desk.open"));
  button.addEventListener("click", () => open(line));
  const what = make(
    "div",
    { class: "what" },
    make("h3", {}, title(line), tags(line)),
    make("p", {}, who),
    make("p", {}, line.waits_for === "information" ? `${say("desk.waits_for")}: ${say("desk_waits.information")}` : why(line)),
    make("p", { class: "small" }, say("desk.asks_for", asked)),
  );
  return make("li", { class: `panel waiting waiting-${tone(line)}` }, left(line), what, button);
}

async function load(after) {
  const query = new URLSearchParams({ limit: PAGE, past_due: field("past-due").checked });
  if (field("waits-for").value) query.set("waits_for", field("waits-for").value);
  if (after) query.set("after", after);
  field("problem").textContent = "";
  try {
    known = await ask(`/reviews?${query}`, { headers: { "Careledger-Min-Block": String(newest) } });
    const rows = await Promise.all(known.lines.map(row));
    if (!after) field("queue").replaceChildren();
    field("queue").append(...rows);
    next = known.next;
    field("more").hidden = !next;
    field("count").textContent = known.waiting ? say("desk.count", { count: count.format(known.waiting) }) : say("desk.nothing");
    if (desk) {
      const isLate = known.lines.some((line) => line.seconds_left < 0 && !line.marked_overdue);
      for (const id of ["mark", "mark-hint"]) field(id).hidden = !isLate;
      field("no-key").hidden = known.signs;
    }
  } catch (error) {
    field("count").textContent = "";
    field("problem").textContent = error.message;
  }
}

async function loadAll() {
  await load();
  if (known) await claims.load(newest);
}

// ---------------------------------------------------------------------- one line

async function open(line) {
  const { request, line: number } = line;
  const told = make(
    "div",
    { class: "panel" },
    make("h2", { id: "line-heading", tabindex: "-1" }, title(line)),
    make("div", { class: "what" }, make("p", {}, tags(line))),
    left(line),
    facts([
      [say("desk.provider"), await nameOf(line.provider)],
      [say("desk.waits_for"), say(`desk_waits.${line.waits_for}`)],
      [say("desk.why"), why(line)],
      [say("desk.asked_units"), unitsText(line.milli_units_requested)],
      [say("desk.asked_amount"), amountText(line.amount_requested, known)],
      [say("desk.received"), line.received_at === null ? null : time(line.received_at)],
      [say("desk.due_at"), time(line.due_at)],
      [say("desk.decided_by"), line.waits_for === "appeal" && line.reviewer ? say("desk.another", { name: name(line.reviewer) }) : null],
      [say("desk.first_opinion"), line.first_opinion && say("desk.another_opinion", { name: name(line.first_opinion) })],
      [say("desk.decision_number"), String(line.sequence)],
      [say("desk.request"), code(say("desk.line", { request, line: number }))],
    ]),
  );
  away();
  show(field("line"), told);
  desk?.offer(line, known);
}

/** Nothing is opened any more; the queue stays away. */
function close() {
  field("line").hidden = true;
  desk?.close();
  claims.close();
}

/** Instead of the queue, something else. */
function away() {
  field("waiting").hidden = true;
  field("way-back").hidden = false;
}

field("to-queue").addEventListener("click", async () => {
  close();
  jobs?.stop();
  field("way-back").hidden = true;
  field("waiting").hidden = false;
  field("waiting-heading").focus();
  await loadAll();
});

field("more").addEventListener("click", () => load(next));
for (const id of ["waits-for", "past-due"]) field(id).addEventListener("change", () => load());

field("mark")?.addEventListener("click", async () => {
  field("mark").disabled = true;
  try {
    const job = await desk.mark();
    away();
    jobs.follow(job);
  } catch (error) {
    field("problem").textContent = error.message;
  } finally {
    field("mark").disabled = false;
  }
});

await loadAll();
