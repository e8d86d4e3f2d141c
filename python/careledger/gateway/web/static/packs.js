import { Problem, around, code, facts, make, meaning, notAnswered, say, can, send, show, time, verdict, whole } from "./dom.js";
import { scanning } from "./camera.js";
import { isHeld, traced } from "./trace.js";

const BAD = ["bad", "no"];
const LOOKS = {
  VERIFIED: ["good", "ok"],
  EXCURSION: ["care", "heat"],
  NO_MATCH_PRODUCT: ["bad", "none"],
  NO_MATCH_LOT: ["bad", "none"],
  NO_MATCH_SERIAL: ["bad", "none"],
  NO_MATCH_EXPIRY: ["bad", "differs"],
  EXPIRED: ["care", "clock"],
  SUSPECT: ["care", "warn"],
  MISSING: ["care", "warn"],
  NOT_IN_CONTAINER: ["care", "differs"],
  NOT_FOR_REDISTRIBUTION: ["care", "next"],
  NOT_KNOWN_HERE: ["care", "none"],
};
const OF_THE_SCANNER = ["WRONG_CASE", "LOST_SEPARATOR", "NO_SERIAL"];
const SEPARATOR = "\x1d";

const field = document.getElementById("code");
const problem = document.getElementById("problem");
const progress = document.getElementById("progress");
const result = document.getElementById("result");
const trace = document.getElementById("trace");

let asking = 0;

/** Says what comes of a question while it is the newest one; an older one's answer is not shown. */
async function asked(words, ask, tell) {
  const mine = ++asking;
  progress.textContent = words;
  try {
    const found = await ask();
    if (mine === asking) tell(found);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (mine === asking) show(result, error.status === 422 ? unread(error.body) : notAnswered(error));
  } finally {
    if (mine === asking) progress.textContent = "";
  }
}

function check() {
  problem.textContent = "";
  result.hidden = trace.hidden = true;
  const text = field.value.trim();
  if (!text) {
    problem.textContent = say("packs.need_code");
    return field.focus();
  }
  asked(say("site.working"), () => send("POST", "/units/verify", { code: text }), (found) => show(result, answered(found, text)));
}

const follow = (text, block) =>
  asked(
    say("packs.tracing"),
    () => send("POST", "/units/trace", { code: text }, { "Careledger-Min-Block": String(block) }),
    (found) => show(trace, ...traced(found)),
  );

function again(likelier) {
  const button = make("button", { class: "button button-quiet", type: "button" }, say("packs.try_likelier"));
  button.addEventListener("click", () => {
    field.value = likelier;
    check();
  });
  return make("div", { class: "likelier" }, make("p", {}, say("packs.likelier_code"), " ", code(likelier)), button);
}

function unread({ fault, likelier }) {
  const name = can(`code_faults.${fault}.what`) ? fault : "OTHER";
  return verdict(
    "still",
    "silent",
    say("code_faults.unread"),
    make("p", {}, say("code_faults.unread_what")),
    meaning(say(`code_faults.${name}.what`), say(`code_faults.${name}.do`)),
    likelier ? again(likelier) : null,
  );
}

function oddities(found) {
  if (!found.barcode.length) return null;
  const list = make("ul", {}, found.barcode.map((one) => make("li", {}, say(`code_faults.${one.fault}.what`))));
  const likelier = found.verified ? null : found.barcode.find((one) => one.likelier)?.likelier;
  return make("div", { class: "reasons" }, make("h3", {}, say("packs.barcode")), list, likelier ? again(likelier) : null);
}

function recalled({ recall_class: grade, recall_reason: reason }) {
  if (!grade || grade === "NOT_RECALLED") return null;
  return `${say(`recall_classes.${grade}`)} · ${say(`recall_reasons.${reason}`)}`;
}

function answered(found, text) {
  const name = found.verified && found.excursion ? "EXCURSION" : found.finding;
  const [tone, picture] = LOOKS[name] ?? BAD;
  const scanned = found.verified ? undefined : found.barcode.find((one) => OF_THE_SCANNER.includes(one.fault));
  const cause = !scanned && can(`pack_answers.${name}.cause`) ? say(`pack_answers.${name}.cause`) : null;
  const button = make("button", { class: "button", type: "button", id: "trace-button" }, say("packs.trace"));
  button.addEventListener("click", () => follow(text, found.as_of_block));
  const { as_of_block: block, as_of_time: at } = found;
  return verdict(
    tone,
    picture,
    say(`pack_answers.${name}.name`),
    meaning(say(`pack_answers.${name}.what`), say(scanned ? `code_faults.${scanned.fault}.do` : `pack_answers.${name}.do`)),
    oddities(found),
    facts([
      [say("packs.likelier_cause"), cause],
      [say("packs.product"), found.product && say("packs.gtin", { gtin: found.product.replace("gtin:", "") })],
      [say("packs.lot"), found.lot_number],
      [say("packs.holder"), isHeld(found) ? found.holder_name : null],
      [say("packs.expires"), found.expires],
      [say("packs.recalled"), recalled(found)],
      [say("packs.status"), found.status && say(`unit_statuses.${found.status}`)],
      [say("packs.suspect"), found.suspect ? say("packs.is_suspect") : null],
      [say("packs.cold_chain"), found.excursion ? say("packs.broken") : null],
      [say("packs.as_of"), around("packs.as_of_block", { block: String(block), time: time(at) })],
    ]),
    found.lot ? make("p", { class: "actions" }, button) : null,
    whole(found),
  );
}

document.getElementById("scan").addEventListener("submit", (event) => {
  event.preventDefault();
  check();
});

// Scanners that type send FNC1 as Ctrl and ], which browsers put nowhere.
field.addEventListener("keydown", (event) => {
  if (!event.ctrlKey || event.key !== "]") return;
  event.preventDefault();
  field.setRangeText(SEPARATOR, field.selectionStart, field.selectionEnd, "end");
});

scanning(
  (read) => {
    field.value = read;
    check();
  },
  (refused) => {
    problem.textContent = refused;
  },
);
