// The acts on a document, from its anchoring on: who did what, when and why.

import { reason } from "./answers.js";
import { around, can, code, icon, make, say, time } from "./dom.js";

const LOOKS = {
  anchored: ["", "ok"],
  streamed: ["", "receipt"],
  revoked: ["bad", "no"],
  amended: ["care", "next"],
  succeeded: ["", "next"],
  countersigned: ["", "ok"],
  countersignature_withdrawn: ["care", "no"],
  party_named: ["", "file"],
  disputed: ["care", "warn"],
  dispute_answered: ["", "receipt"],
  dispute_withdrawn: ["", "ok"],
};

/** The page that tells what happened to a document, by what the chain shows of it. */
export const pathOf = ({ submitter, leaf }) => `history?${new URLSearchParams({ submitter, leaf })}`;

/** All acts, the oldest first. */
export const timeline = (acts) => make("ol", { class: "timeline" }, acts.map(item));

function item(act) {
  const [tone, picture] = LOOKS[act.act];
  return make(
    "li",
    tone ? { class: `is-${tone}` } : {},
    icon(picture, tone ? `mark mark-${tone}` : "mark"),
    make("h3", {}, heading(act)),
    who(act),
    act.reason && make("p", {}, say("timeline.reason", { reason: reason(act.reason.toLowerCase()) })),
    act.party && act.act === "party_named" ? make("p", {}, code(act.party)) : null,
    act.commitment && BigInt(act.commitment) ? make("p", { class: "small" }, say("timeline.commitment")) : null,
    act.other && make("p", {}, make("a", { href: pathOf(act.other) }, say(`timeline.other_${act.act}`))),
    make("p", { class: "small" }, time(act.block_time), " · ", say("timeline.in_block", { block: act.block_number })),
    beware(act.by),
  );
}

function heading({ act, batch }) {
  const inBatch = `document_acts.${act}_batch`;
  return say(batch && can(inBatch) ? inBatch : `document_acts.${act}`);
}

function who({ act, by }) {
  if (!by) return null;
  if (by.name !== null) {
    const name = make("a", { href: `organizations?organization=${by.organization}` }, by.name);
    return make("p", {}, around("timeline.by", { name }));
  }
  const unknown = act.startsWith("dispute") && act !== "dispute_answered" ? "party" : "nobody";
  return make("p", {}, around(`timeline.by_${unknown}`, { key: code(by.key) }));
}

function beware(by) {
  if (!by || by.organization === null) return null;
  const told = by.compromised ? "compromised" : { RETIRED: "retired", COMPROMISED: "compromised_then" }[by.key_status];
  return told ? make("p", { class: "beware" }, icon("warn"), make("span", {}, say(`timeline.${told}`))) : null;
}
