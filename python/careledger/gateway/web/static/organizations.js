import { Problem, around, ask, code, facts, icon, locale, make, notAnswered, say, time, verdict, whole } from "./dom.js";
import { governed } from "./governance.js";
import { stacked } from "./stacked.js";

const LOOKS = {
  active: ["good", "ok"],
  frozen: ["care", "lock"],
  lapsed: ["care", "clock"],
  SUSPENDED: ["care", "warn"],
  EXPELLED: ["bad", "no"],
  UNKNOWN: ["bad", "none"],
};
const KEY_LOOKS = { ACTIVE: ["good", "ok"], RETIRED: ["still", "clock"], COMPROMISED: ["bad", "warn"] };

const given = new URLSearchParams(location.search);
const form = document.getElementById("search");
const progress = document.getElementById("progress");
const result = document.getElementById("result");

const days = new Intl.DateTimeFormat(locale, { year: "numeric", month: "long", day: "numeric" });
const day = (seconds) => make("time", { datetime: new Date(seconds * 1000).toISOString() }, days.format(new Date(seconds * 1000)));
const asOf = ({ as_of: block }) => around("organizations.as_of_block", { block: String(block.block_number), time: time(block.block_time) });
const marked = ([tone, picture], text) => make("span", { class: `standing standing-${tone}` }, icon(picture), make("span", {}, text));
const rolesOf = ({ member_roles: roles }) => roles.map((role) => say(`member_roles.${role}`)).join(say("organizations.comma"));

function addressWith(changes) {
  const query = new URLSearchParams(given);
  for (const [name, value] of Object.entries(changes)) value ? query.set(name, value) : query.delete(name);
  return `?${query}`;
}

/** The word for how an organization stands: active, or the gravest of what keeps it from acting. */
function standingOf({ active, membership }) {
  if (active) return "active";
  if (membership.standing !== "ACTIVE") return membership.standing;
  return membership.frozen ? "frozen" : "lapsed";
}

function list(found) {
  const columns = ["name", "standing", "roles", "licence"].map((name) => say(`organizations.${name}`));
  const rows = found.organizations.map((one) => [
    make("a", { href: `?organization=${one.id}` }, one.name),
    marked(LOOKS[standingOf(one)], say(`standings.${standingOf(one)}.name`)),
    rolesOf(one.membership),
    day(one.membership.licence_expiry),
  ]);
  const heading = make("h2", { id: "result-heading" }, say("organizations.count", { count: found.total }));
  const body = rows.length ? stacked(say("organizations.heading"), columns, rows) : make("p", { class: "empty" }, say("organizations.nobody"));
  const pages = [
    given.get("after") && make("a", { href: addressWith({ after: null }) }, say("organizations.first")),
    found.next && make("a", { href: addressWith({ after: found.next }), rel: "next" }, say("organizations.next")),
  ].filter((one) => one);
  const bottom = pages.length ? make("nav", { class: "pages", "aria-label": say("organizations.pages") }, pages) : null;
  return make("div", { class: "panel" }, heading, make("p", { class: "small" }, say("organizations.holds"), " ", asOf(found)), body, bottom);
}

function keys(found) {
  const columns = ["key", "key_status", "added_at", "ended_at"].map((name) => say(`organizations.${name}`));
  const rows = found.map((one) => [
    code(one.key),
    marked(KEY_LOOKS[one.status], say(`key_statuses.${one.status}`)),
    time(one.added_at),
    ended(one) ?? "",
  ]);
  return rows.length ? stacked(say("organizations.keys"), columns, rows) : make("p", { class: "empty" }, say("organizations.no_keys"));
}

function ended(one) {
  const told = [
    one.retired_at && make("p", {}, around("organizations.retired_at", { time: time(one.retired_at) })),
    one.compromised_since !== null &&
      make("p", {}, around("organizations.compromised_since", { time: time(one.compromised_since), reported: time(one.reported_at) })),
  ].filter((each) => each);
  return told.length ? make("div", {}, told) : null;
}

function published(contracts) {
  if (!contracts.length) return null;
  const columns = ["kind", "address", "since"].map((name) => say(`organizations.${name}`));
  const table = stacked(say("organizations.contracts"), columns, contracts.map((one) => [one.kind, code(one.address), time(one.since)]));
  return make("div", {}, make("h3", {}, say("organizations.contracts")), table);
}

function one(found) {
  const { membership } = found;
  const standing = standingOf(found);
  const [tone, picture] = LOOKS[standing];
  const identifiers = found.identifiers.map(({ scheme, value }) => `${scheme} ${value}`).join(say("organizations.comma"));
  const card = verdict(
    tone,
    picture,
    found.name,
    make("p", {}, make("strong", {}, say(`standings.${standing}.name`)), say("organizations.dash"), say(`standings.${standing}.what`)),
    facts([
      [say("organizations.since"), time(membership.since)],
      [say("organizations.roles"), rolesOf(membership)],
      [say("organizations.licence"), day(membership.licence_expiry)],
      [say("organizations.identifiers"), identifiers || null],
      [say("organizations.id"), code(found.id)],
      [say("organizations.controller"), code(found.controller)],
      [say("organizations.holds"), make("span", {}, asOf(found))],
    ]),
    make("div", {}, make("h3", {}, say("organizations.keys")), make("p", { class: "small" }, say("organizations.keys_what")), keys(found.keys)),
    published(found.contracts),
    whole(found),
  );
  return make("div", {}, make("p", { class: "back" }, make("a", { href: "organizations" }, say("organizations.all"))), card);
}

function put(section, content) {
  section.replaceChildren(content);
  section.hidden = false;
}

async function tell(section, path, shown) {
  try {
    put(section, shown(await ask(path)));
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    put(section, notAnswered(error));
  }
}

const chosen = given.get("organization");
if (chosen !== null) {
  await tell(result, `/organizations/${encodeURIComponent(chosen)}`, one);
} else {
  form.hidden = false;
  for (const name of ["search", "role"]) form.elements[name].value = given.get(name) ?? "";
  const query = new URLSearchParams([...given].filter(([name, value]) => ["search", "role", "after"].includes(name) && value));
  const isWhole = !query.size;
  await Promise.all([
    tell(result, `/organizations?${query}`, list),
    isWhole && tell(document.getElementById("governance"), "/governance", governed),
  ]);
}
progress.hidden = true;
