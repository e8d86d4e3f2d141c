// Who rules the contracts: stops, what is scheduled, and who has which role.

import { can, code, icon, locale, make, say, time } from "./dom.js";
import { stacked } from "./stacked.js";

const PENDING = new Set(["WAITING", "READY"]);
const MOST_PAST = 50;
const UNITS = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
];

/** What `/governance` answers, as a panel. */
export function governed({ members, operations, halted }) {
  const [pending, past] = [true, false].map((wanted) => operations.filter((one) => PENDING.has(one.state) === wanted));
  return make(
    "div",
    { class: "panel governance" },
    make("h2", { id: "governance-heading" }, say("governance.heading")),
    make("p", {}, say("governance.what")),
    make("h3", {}, say("governance.halted")),
    stops(halted),
    make("h3", {}, say("governance.pending")),
    pending.length ? scheduled(say("governance.pending"), pending) : none("governance.no_pending"),
    make("h3", {}, say("governance.members")),
    roles(members),
    past.length ? ended(past) : null,
  );
}

const none = (name) => make("p", { class: "empty" }, say(name));
const role = (label) => (can(`contract_roles.${label.replaceAll(" ", "_")}`) ? say(`contract_roles.${label.replaceAll(" ", "_")}`) : label);

function stops(halted) {
  if (!halted.length) return make("p", { class: "standing standing-good" }, icon("ok"), make("span", {}, say("governance.none_halted")));
  const columns = ["contract", "halted_since", "halted_by"].map((name) => say(`governance.${name}`));
  const rows = halted.map((one) => [code(one.contract), time(one.halted_at), code(one.caller)]);
  return stacked(say("governance.halted"), columns, rows);
}

function scheduled(caption, operations) {
  const columns = ["operation", "state", "ready_at", "caller"].map((name) => say(`governance.${name}`));
  const rows = operations.map((one) => [
    make("span", { class: "code operation" }, one.description),
    say(`operation_states.${one.state}`),
    time(one.ready_at),
    code(one.caller),
  ]);
  return stacked(caption, columns, rows);
}

function ended(past) {
  const shown = past.slice(0, MOST_PAST);
  const summary = say("governance.past", { shown: shown.length, count: past.length });
  return make("details", {}, make("summary", {}, summary), scheduled(summary, shown));
}

function roles(members) {
  const columns = ["role", "account", "delay", "from"].map((name) => say(`governance.${name}`));
  const rows = members.map((one) => [
    role(one.role),
    code(one.account),
    duration(one.delay_seconds),
    one.member_from ? make("span", {}, time(one.member_from), one.holds ? "" : ` (${say("governance.not_yet")})`) : "",
  ]);
  return stacked(say("governance.members"), columns, rows);
}

function duration(seconds) {
  if (!seconds) return say("governance.at_once");
  const [unit, length] = UNITS.find(([, each]) => seconds % each === 0);
  return new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "long" }).format(seconds / length);
}
