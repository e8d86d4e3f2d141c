// Who bears a charge: amounts, tables and bars of claims and estimates.

import { can, icon, make, say } from "./dom.js";
import { amountText } from "./quantities.js";
import { draw } from "./svg.js";

const TONES = {
  APPROVED: ["good", "ok"],
  NOT_REQUIRED: ["good", "ok"],
  EXHAUSTED: ["good", "ok"],
  PAID: ["good", "ok"],
  PARTIAL: ["care", "warn"],
  MODIFIED: ["care", "warn"],
  DENIED: ["bad", "no"],
  REVERSED: ["bad", "no"],
};
const PARTS = ["insurer", "patient", "contractual", "denied"];

/** A name of the contracts' in words, or as it is. */
export const word = (group, name) => (can(`${group}.${name}`) ? say(`${group}.${name}`) : name);

export const money = (amount, of) => (amount === null ? null : amountText(amount, of));

export function state(group, name) {
  const [tone, picture] = TONES[name] ?? ["care", "clock"];
  return make("span", { class: `state state-${tone}` }, icon(picture), word(group, name));
}

export function table(caption, columns, rows) {
  const head = columns.map(([name, isFigure]) => make("th", { scope: "col", class: isFigure ? "figure" : undefined }, name));
  const body = rows.map((row) =>
    make("tr", {}, row.map((value, place) => make("td", { class: columns[place][1] ? "figure" : undefined }, value ?? "–"))),
  );
  const whole = make("table", {}, make("caption", {}, caption), make("thead", {}, make("tr", {}, head)), make("tbody", {}, body));
  return make("div", { class: "table", tabindex: "0", role: "region", "aria-label": caption }, whole);
}

/** A bar of who bears a charge, with its key; the figures stand in words. */
export function shares(parts, of) {
  const together = PARTS.reduce((sum, name) => sum + (parts[name] ?? 0), 0);
  if (!together) return null;
  let left = 0;
  const shapes = PARTS.filter((name) => parts[name]).map((name) => {
    const width = (parts[name] * 1000) / together;
    const shape = draw("rect", { x: left, y: 0, width, height: 10, class: `part-${name}` });
    left += width;
    return shape;
  });
  const key = PARTS.filter((name) => parts[name]).map((name) =>
    make("li", {}, draw("svg", { viewBox: "0 0 10 10", "aria-hidden": "true" }, draw("rect", { width: 10, height: 10, class: `part-${name}` })), `${say(`claims.${name}`)}: ${money(parts[name], of)}`),
  );
  const bar = draw("svg", { class: "shares", viewBox: "0 0 1000 10", preserveAspectRatio: "none", "aria-hidden": "true" }, ...shapes);
  return make("div", {}, bar, make("ul", { class: "key", "aria-label": say("claims.shares") }, key));
}

/** What lines would cost, as a table and a bar. */
export function costs(found) {
  const columns = [[say("claims.line")], ...["charge", "insurer", "patient", "contractual"].map((name) => [say(`claims.${name}`), true])];
  const rows = found.lines.map((one) =>
    one.known
      ? [String(one.sequence), ...["charge", "insurer", "patient", "contractual"].map((name) => money(one[name], found))]
      : [String(one.sequence), money(one.charge, found), say("claims.unknown", { why: one.unknown }), null, null],
  );
  const known = found.lines.filter((one) => one.known);
  const sum = (name) => known.reduce((total, one) => total + one[name], 0);
  const bar = shares({ insurer: sum("insurer"), patient: sum("patient"), contractual: sum("contractual") }, found);
  return [make("div", { class: "cost" }, table(say("claims.estimated"), columns, rows), bar ?? "")];
}
