// Requests, their decisions and claims; and what a claim would cost.

import { costs, money, shares, state, table, word } from "./charges.js";
import { Problem, ask, around, code, facts, icon, locale, make, post, say, time } from "./dom.js";
import { boxes } from "./files.js";
import { unitsText } from "./quantities.js";

const PAGE = 50;
const SHOWN = {
  all: [],
  waiting: ["PENDED", "INFORMATION_REQUESTED"],
  granted: ["APPROVED", "PARTIAL", "MODIFIED", "EXHAUSTED", "NOT_REQUIRED"],
  refused: ["DENIED"],
};

const field = (id) => document.getElementById(id);
const list = field("lines");
const count = new Intl.NumberFormat(locale);
const short = (id) => `${id.slice(0, 10)}…${id.slice(-4)}`;

let shown = [];
let names = {};
let asking = 0;

const unitsAndMoney = (milli, amount, of) => [unitsText(milli), money(amount, of)].filter((one) => one).join(", ");

function why(entry) {
  const basis = word("line_bases", entry.basis);
  return entry.reason_text ? `${basis}: ${entry.reason_text}` : basis;
}

// ------------------------------------------------------------------ the list

async function load(offset) {
  const mine = ++asking;
  const query = new URLSearchParams({ offset, limit: PAGE });
  for (const status of SHOWN[field("show").value]) query.append("status", status);
  try {
    const found = await ask(`/authorizations?${query}`);
    if (mine !== asking) return;
    field("problem").textContent = "";
    shown = offset ? [...shown, ...found.lines] : found.lines;
    names = offset ? { ...names, ...found.names } : found.names;
    field("list-heading").textContent = found.found ? say("claims.list", { count: count.format(found.found) }) : say("claims.none");
    field("cut").hidden = found.complete;
    field("cut").textContent = found.complete ? "" : say("claims.list_cut", { count: count.format(found.found) });
    field("more").hidden = shown.length >= found.found;
    field("as-of").replaceChildren(...around("claims.as_of", { block: String(found.as_of.block_number), time: time(found.as_of.block_time) }));
    list.replaceChildren(...shown.map(row));
    field("estimating").hidden = !found.estimates;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    field("problem").textContent = error.message;
  }
}

function row(line) {
  const name = { request: short(line.request), line: line.line + 1 };
  const button = make(
    "button",
    { type: "button", "aria-expanded": "false", "aria-controls": "detail" },
    make("span", {}, make("span", { class: "hidden" }, say("claims.open", name)), make("span", { "aria-hidden": "true" }, names[line.provider]), make("span", { class: "small", "aria-hidden": "true" }, " ", code(`${name.request} · ${name.line}`))),
    state("line_statuses", line.status),
    make("span", {}, why(line)),
    make("span", { class: "small" }, time(line.submitted_at)),
  );
  button.addEventListener("click", () => open(line, button));
  return make("li", {}, button);
}

field("show").addEventListener("change", () => load(0));
field("more").addEventListener("click", () => load(shown.length));

// ------------------------------------------------------------------ one request

async function open(line, button) {
  for (const one of list.querySelectorAll("[aria-expanded=true]")) one.setAttribute("aria-expanded", "false");
  const section = field("detail");
  try {
    const found = await ask(`/authorizations/${line.provider}/${line.request}`);
    button.setAttribute("aria-expanded", "true");
    section.replaceChildren(...detail(found));
    section.hidden = false;
    const title = section.querySelector("h2");
    title.focus({ preventScroll: true });
    section.scrollIntoView({ block: "start" });
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    field("problem").textContent = error.message;
  }
}

function detail(found) {
  const lines = found.lines.map((line) => [
    String(line.line + 1),
    state("line_statuses", line.status),
    why(line),
    unitsAndMoney(line.milli_units_requested, line.amount_requested, found),
    SHOWN.granted.includes(line.status) ? unitsAndMoney(line.milli_units, line.amount, found) : null,
    line.due_at === null ? null : time(line.due_at),
  ]);
  const decisions = found.decisions.map((one) => [
    time(one.decided_at),
    String(one.line + 1),
    word("line_actions", one.action),
    why(one),
    one.reviewer === null ? say("claims.by_rules") : say("claims.by_person", { reviewer: one.reviewer }),
  ]);
  return [
    make("h2", { id: "detail-heading", tabindex: "-1" }, say("claims.detail", { request: short(found.request) })),
    facts([
      [say("claims.provider"), found.provider_name],
      [say("claims.request"), code(found.request)],
      [say("claims.submitted"), time(found.received_at)],
      [say("claims.policy"), say("claims.policy_version", { version: found.version })],
      [say("claims.speed"), say(found.expedited ? "claims.expedited" : "claims.standard")],
      [say("claims.covered"), say(found.covered ? "claims.covered_yes" : "claims.covered_no")],
    ]),
    found.shadow ? make("p", { class: "note note-warn" }, icon("warn"), make("span", {}, say("claims.shadow"))) : "",
    table(say("claims.line"), ["line", "status", "why", "asked", "left", "due"].map((name) => [say(`claims.${name}`)]), lines),
    table(say("claims.decisions"), ["decided", "line", "action", "why", "by"].map((name) => [say(`claims.${name}`)]), decisions),
    make("h3", {}, say("claims.claims")),
    ...(found.claims.length ? found.claims.map((one) => claim(one, found)) : [make("p", {}, say("claims.no_claims"))]),
  ];
}

function claim(one, of) {
  const patient = one.deductible === null ? null : one.deductible + one.coinsurance + one.copay;
  const finding = one.finding === "NONE_" ? null : word("claim_findings", one.finding);
  return make(
    "div",
    {},
    facts([
      [say("claims.status"), state("claim_statuses", one.status)],
      [say("claims.line"), one.line === null ? null : String(one.line + 1)],
      [say("claims.charge"), money(one.charge, of)],
      [say("claims.finding"), finding],
      [say("claims.denied"), one.denied ? [money(one.denied, of), one.carc ? `, ${say("claims.carc", { carc: one.carc })}` : ""] : null],
      [say("claims.paid_on"), one.credited_at === null ? null : time(one.credited_at)],
    ]),
    shares({ insurer: one.paid, patient, contractual: one.contractual, denied: one.denied }, of),
  );
}

// ------------------------------------------------------------------ an estimate

const files = boxes(() => {
  field("estimate-problem").textContent = "";
  field("estimated").replaceChildren();
});

field("estimate").addEventListener("submit", async (event) => {
  event.preventDefault();
  const problem = field("estimate-problem");
  problem.textContent = files.claim ? "" : say("claims.need_file");
  if (!files.claim) return field("claim").focus();
  let claimed;
  try {
    claimed = JSON.parse(await files.claim.text());
  } catch {
    problem.textContent = say("claims.not_claim");
    return;
  }
  field("estimate-progress").textContent = say("site.working");
  try {
    field("estimated").replaceChildren(...costs(await post("/claims/estimates", { claim: claimed })));
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    problem.textContent = error.message;
  } finally {
    field("estimate-progress").textContent = "";
  }
});

await load(0);
