// Where a pack has been: who holds and held it, and each act in its life.

import { around, can, facts, icon, make, say, time, whole } from "./dom.js";
import { celsius, coldChain } from "./coldchain.js";

const GRAVE = new Set(["lot_recalled", "unit_suspected", "unit_illegitimate", "reported_missing", "excursion_flagged", "rejected", "window_recorded"]);
const PICTURES = {
  range_packed: "pack",
  container_nested: "pack",
  container_unpacked: "pack",
  container_opened: "pack",
  units_moved: "pack",
  shipped: "truck",
  handed_over: "truck",
  lot_commissioned: "receipt",
  tranche_added: "receipt",
  lot_opened: "file",
  lot_recalled: "no",
  excursion_flagged: "heat",
  window_recorded: "heat",
};
const TAKING = new Set(["lot_commissioned", "tranche_added", "received", "came_back"]);

/** Whether somebody has the pack in hand. Of one that left the supply, the chain says no more than who has its case. */
export const isHeld = ({ status, holder }) => Boolean(holder) && (status === "IN_SUPPLY" || status === "ILLEGITIMATE");

/** What a trace says, as panels. */
export function traced(found) {
  const ssccs = new Map(found.steps.filter((one) => one.sscc).map((one) => [one.container, one.sscc]));
  const steps = found.steps.map((one) => ({ ...one, name: one.act.replaceAll(" ", "_"), who: one.name }));
  const heading = make("h2", { id: "trace-heading", tabindex: "-1" }, say("trace.heading"));
  const journey = make(
    "div",
    { class: "panel journey" },
    heading,
    make("h3", {}, say("trace.holders")),
    hands(steps, isHeld(found.location) ? found.location.holder : null),
    make("h3", {}, say("trace.now")),
    now(found, ssccs),
    make("h3", {}, say("trace.steps")),
    make("ol", { class: "timeline" }, steps.map((one) => item(one))),
    whole(found),
  );
  return [journey, coldChain(found.windows)];
}

function hands(steps, holder) {
  const takers = steps.filter((one) => TAKING.has(one.name));
  const distinct = takers.filter((one, place) => one.organization !== takers[place - 1]?.organization);
  const items = distinct.map((one, place) => {
    const current = place === distinct.length - 1 && one.organization === holder;
    const since = make("span", { class: "small" }, around("trace.since", { time: time(one.time) }));
    return make("li", current ? { "aria-current": "true" } : {}, make("span", { class: "hand-name" }, one.who), since);
  });
  return make("ol", { class: "hands" }, items);
}

function now({ location, as_of: asOf }, ssccs) {
  const inside = location.containers.map((id) => say("trace.in_container", { sscc: ssccs.get(id) ?? id })).join(" · ");
  return facts([
    [say("packs.holder"), isHeld(location) ? location.holder_name : say("trace.nobody")],
    [say("trace.inside"), location.status === "IN_SUPPLY" ? inside || say("trace.single") : null],
    [say("trace.heading_to"), location.state === "IN_TRANSIT" ? location.receiver_name : null],
    [say("packs.status"), say(`unit_statuses.${location.status}`)],
    [say("packs.as_of"), around("packs.as_of_block", { block: String(asOf.block_number), time: time(asOf.block_time) })],
  ]);
}

function item(one) {
  const grave = GRAVE.has(one.name);
  const mark = icon(PICTURES[one.name] ?? (grave ? "warn" : "ok"), grave ? "mark mark-bad" : "mark");
  const act = can(`pack_acts.${one.name}`) ? say(`pack_acts.${one.name}`) : one.act;
  const beware = grave ? make("span", { class: "hidden" }, say("trace.beware"), " ") : null;
  const details = detail(one).join(" · ");
  return make(
    "li",
    grave ? { class: "is-grave" } : {},
    mark,
    make("p", { class: "step-act" }, beware, act),
    details ? make("p", {}, details) : null,
    make("p", { class: "small" }, time(one.time), " · ", say("trace.in_block", { block: one.block_number })),
  );
}

function detail(one) {
  const { name, who, to_name: to, carrier_name: carrier, sscc, status, recall_class: grade, recall_reason: reason, event } = one;
  return [
    who,
    to && say(name === "handed_over" ? "trace.on_to" : "trace.to", { name: to }),
    carrier && say("trace.carried", { name: carrier }),
    sscc && say("trace.in_container", { sscc }),
    status && say(`unit_statuses.${status}`),
    name === "window_recorded" && measured(event),
    grade && `${say(`recall_classes.${grade}`)}, ${say(`recall_reasons.${reason}`)}`,
  ].filter((part) => part);
}

const measured = ({ root, lowest, highest }) => (BigInt(root) ? say("cold.to", { lowest: celsius(lowest), highest: celsius(highest) }) : say("cold.no_readings"));
