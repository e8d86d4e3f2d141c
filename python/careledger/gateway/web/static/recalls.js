import { Problem, around, ask, facts, icon, locale, make, notAnswered, say, send, show, time, verdict, whole } from "./dom.js";
import { recalling } from "./recalling.js";
import { draw } from "./svg.js";

const LENGTHS = [8, 12, 13, 14];

const field = (id) => document.getElementById(id);
const problem = field("problem");
const progress = field("progress");
const result = field("result");
const count = new Intl.NumberFormat(locale);
const percent = new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 1 });
const sum = (numbers) => numbers.reduce((all, one) => all + one, 0);

/** Which lot is meant, and what it is called. Throws with the field that is wrong, by its words. */
function named() {
  const id = field("lot-id").value.trim().toLowerCase();
  if (id) {
    if (!/^0x[0-9a-f]{24}$/.test(id)) throw ["need_id", "lot-id"];
    return { label: id, body: { lot: id } };
  }
  const gtin = field("gtin").value.replace(/[\s-]/g, "");
  const number = field("lot-number").value.trim();
  if (!/^\d+$/.test(gtin) || !LENGTHS.includes(gtin.length)) throw ["need_gtin", "gtin"];
  if (!number) throw ["need_lot", "lot-number"];
  return { label: number, body: { gtin: gtin.padStart(14, "0"), lot_number: number } };
}

const report = (body, block = 0) => send("POST", "/recalls/report", body, { "Careledger-Min-Block": String(block) });

const recall = field("recall") && recalling(async (lot, block) => result.replaceChildren(told(await report(lot.body, block), lot)));

field("ask").addEventListener("submit", async (event) => {
  event.preventDefault();
  problem.textContent = "";
  result.hidden = true;
  recall?.close();
  let lot;
  try {
    lot = named();
  } catch ([words, wrong]) {
    problem.textContent = say(`recalls.${words}`);
    return field(wrong).focus();
  }
  progress.textContent = say("recalls.searching");
  try {
    const { block_number: newest } = await ask("/chain");
    const found = await report(lot.body, newest ?? 0);
    show(result, told(found, lot));
    recall?.offer(found, lot);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    show(result, error.status === 404 ? notFound() : notAnswered(error));
  } finally {
    progress.textContent = "";
  }
});

const notFound = () => verdict("care", "none", say("recalls.not_found"), make("p", {}, say("recalls.not_found_what")));

// ---------------------------------------------------------------------- who holds what

function told(found, lot) {
  const packs = found.held + found.on_the_way + sum(Object.values(found.ended));
  const { block_number: block, block_time: at } = found.as_of;
  return make(
    "div",
    { class: "panel report" },
    make("h2", { id: "result-heading", tabindex: "-1" }, say("recalls.report")),
    make("p", { class: "took" }, icon("clock"), make("span", {}, say("recalls.took", { milliseconds: count.format(found.took_milliseconds) }))),
    make("p", {}, say("recalls.lot", { lot: lot.label }), " · ", say("recalls.maker", { name: found.maker_name })),
    standing(found),
    tiles(found),
    packs ? table(found, packs) : make("p", {}, say("recalls.nobody")),
    facts([
      [say("recalls.not_packed"), found.not_packed ? count.format(found.not_packed) : null],
      [say("recalls.left_out"), found.left_out ? count.format(found.left_out) : null],
    ]),
    make("p", { class: "small" }, around("recalls.as_of", { block: String(block), time: time(at) })),
    whole(found),
  );
}

function standing({ recall_class: grade, recall_reason: reason, suspect }) {
  const isRecalled = grade !== "NOT_RECALLED";
  const words = isRecalled
    ? say("recalls.is_recalled", { grade: say(`recall_classes.${grade}`), reason: say(`recall_reasons.${reason}`) })
    : say("recalls.not_recalled");
  const more = suspect ? ` ${say("recalls.suspect", { count: count.format(suspect) })}` : "";
  return make("p", { class: isRecalled ? "note note-bad" : "note", id: "standing" }, icon(isRecalled ? "no" : "ok"), make("span", {}, words + more));
}

function tiles(found) {
  const figures = [
    ["held", found.held],
    ["on_the_way", found.on_the_way],
    ["ended", sum(Object.values(found.ended))],
  ];
  return make("dl", { class: "tiles" }, figures.map(([name, figure]) => make("div", {}, make("dt", {}, say(`recalls.${name}`)), make("dd", {}, count.format(figure)))));
}

function table(found, packs) {
  const columns = ["who", "packs", "share"].map((name) => make("th", { scope: "col" }, say(`recalls.${name}`)));
  const ended = Object.entries(found.ended).map(([status, units]) => [[say(`unit_statuses.${status}`)], units]);
  const groups = [
    ["holders", found.holders.map((one) => [[one.name, make("span", { class: "small" }, split(one))], one.units])],
    ["moving", found.shipments.map((one) => [[say("recalls.from_to", { sender: one.sender_name, receiver: one.receiver_name }), make("span", { class: "small" }, moving(one))], one.units])],
    ["gone", ended],
  ].filter(([, rows]) => rows.length);
  const bodies = groups.map(([name, rows], place) =>
    make(
      "tbody",
      {},
      make("tr", { class: "group" }, make("th", { scope: "rowgroup", colspan: "3" }, say(`recalls.${name}`))),
      rows.map(([who, units]) => row(who, units, packs, place)),
    ),
  );
  const foot = make("tfoot", {}, make("tr", {}, make("th", { scope: "row" }, say("recalls.total")), make("td", { class: "figure" }, count.format(packs)), make("td", {})));
  return make("div", { class: "table" }, make("table", { class: "whereabouts" }, make("caption", {}, say("recalls.table")), make("thead", {}, make("tr", {}, columns)), bodies, foot));
}

function row(who, units, packs, place) {
  const share = units / packs;
  const bar = draw(
    "svg",
    { class: `share share-${place}`, height: 12, "aria-hidden": "true" },
    draw("rect", { class: "share-ground", width: "100%", height: 12, rx: 3 }),
    draw("rect", { class: "share-bar", width: `${share * 100}%`, height: 12, rx: 3 }),
  );
  const words = make("span", { class: "small" }, percent.format(share));
  return make("tr", {}, make("th", { scope: "row" }, who), make("td", { class: "figure" }, count.format(units)), make("td", { class: "share-cell" }, bar, words));
}

function split({ containers, single_units: single }) {
  const cases = Object.keys(containers).length;
  const parts = [
    cases === 1 ? say("recalls.in_one_container") : cases && say("recalls.in_containers", { count: count.format(cases) }),
    single && say("recalls.single", { count: count.format(single) }),
  ];
  return parts.filter((part) => part).join(", ");
}

const moving = ({ state, deadline }) => [say(`recalls.state_${state}`), ", ", ...around("recalls.due", { time: time(deadline) })];
