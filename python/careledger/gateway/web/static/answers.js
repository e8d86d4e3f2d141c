// What a verification answers, in words and looks: for every page that verifies.

import { around, can, make, named, say, time } from "./dom.js";

const LOOKS = {
  active: ["good", "ok"],
  doubtful: ["care", "warn"],
  disputed: ["care", "warn"],
  expired: ["care", "clock"],
  superseded: ["care", "next"],
  revoked: ["bad", "no"],
  unknown: ["bad", "none"],
  altered: ["bad", "differs"],
  could_not_check: ["still", "silent"],
};

const word = (name) => name.replaceAll(" ", "_").replaceAll("'", "");

/** A reason of an act, in words. */
export const reason = (name) => (can(`reasons.${name}`) ? say(`reasons.${name}`) : name);

/** What the gateway calls something, in words. */
export function told(group, name) {
  const key = `${group}.${word(name)}`;
  return can(key) ? say(key) : name;
}

/** An answer's name among the texts, and how it looks. */
export function looks(found) {
  const doubtful = found.in_force && found.doubts.some((doubt) => doubt !== "not checked");
  const name = doubtful && found.answer === "active" ? "doubtful" : word(found.answer);
  const [tone, picture] = LOOKS[name];
  return { name, tone, picture };
}

/** Why there is doubt, if there is. */
export function doubts(found) {
  if (found.answer === "could not check") return null;
  const asked = found.doubts.filter((doubt) => doubt !== "not checked" || found.as_of !== null);
  if (!asked.length) return null;
  const list = make("ul", {}, asked.map((doubt) => make("li", {}, told("doubts", doubt))));
  return make("div", { class: "reasons" }, make("h3", {}, say("verify.doubts")), list);
}

/** Who anchored it. */
export async function ofWho({ who }) {
  if (who.key_status === null)
    return who.claimed_organization && say("verify.who_claimed", { name: await named(who.claimed_organization) });
  if (who.organization === null) return say("verify.nobody");
  return who.organization_name ?? named(who.organization);
}

/** When it was anchored. */
export function ofWhen({ when }) {
  const shown = [time(when.anchored_at), " ", say("verify.in_block", { block: when.block_number })];
  return when.checked ? shown : around("verify.when_claimed", { when: make("span", {}, shown) });
}
