import { doubts, looks, ofWhen, ofWho, reason } from "./answers.js";
import { disputing } from "./disputing.js";
import { Problem, around, facts, icon, make, meaning, post, say, send, time } from "./dom.js";
import { readReceipt } from "./files.js";
import { timeline } from "./timeline.js";

const box = document.getElementById("drop");
const input = document.getElementById("receipts");
const problem = document.getElementById("problem");
const progress = document.getElementById("progress");
const documents = document.getElementById("documents");
const list = document.getElementById("list");
const cards = new Map();

function card(file, { name, tone, picture }, ...body) {
  const head = make("div", { class: "verdict-head" }, icon(picture, "verdict-icon"), make("h3", {}, name));
  const title = make("p", { class: "file-name" }, file.name);
  return make("li", { class: `panel verdict verdict-${tone}` }, head, make("div", { class: "verdict-body" }, title, ...body));
}

const unanswered = (file, error) => card(file, { name: say("site.failed"), tone: "still", picture: "silent" }, make("p", {}, error.message));

/** The acts on a document as of a block or a later one; null where the chain does not know it or could not be asked. */
async function acts(receipt, { answer }, block) {
  if (["unknown", "could not check"].includes(answer)) return null;
  return (await send("POST", "/documents/history", { receipt }, { "Careledger-Min-Block": String(block) })).acts;
}

async function answered(file, receipt, block = 0) {
  const found = await post("/documents/verify", { receipt });
  const done = await acts(receipt, found, block);
  const again = async (after) => put(receipt, await answered(file, receipt, after));
  const look = looks(found);
  const who = await ofWho(found);
  return card(
    file,
    { ...look, name: say(`answers.${look.name}.name`) },
    meaning(say(`answers.${look.name}.what`), say(`answers.${look.name}.do`)),
    doubts(found),
    facts([
      [say("verify.who"), who],
      [say("verify.when"), ofWhen(found)],
      [say("verify.expires"), found.when.expiry ? time(found.when.expiry) : null],
      [say("verify.revoked_because"), found.revocation && reason(found.revocation.reason ?? "unspecified")],
      [say("verify.superseded_because"), found.succession && reason(found.succession.reason)],
      [say("patient.disputes"), done && disputes(done)],
      [say("verify.as_of"), found.as_of && around("verify.as_of_block", { block: String(found.as_of.block_number), time: time(found.as_of.block_time) })],
    ]),
    done && disputing({ receipt, found, acts: done, organization: found.who.organization && who, again }),
    done && make("details", {}, make("summary", {}, say("patient.history")), timeline(done)),
  );
}

function disputes(done) {
  const [withdrawn, replied] = ["dispute_withdrawn", "dispute_answered"].map(
    (name) => new Map(done.filter((one) => one.act === name).map((one) => [one.party, one])),
  );
  const standing = done.filter((one) => one.act === "disputed" && !withdrawn.has(one.party));
  if (!standing.length) return say("patient.undisputed");
  return make("ul", { class: "disputes" }, standing.map((one) => make("li", {}, dispute(one, replied.get(one.party)))));
}

function dispute(one, reply) {
  const values = { who: one.by.name ?? say("patient.someone"), reason: reason(one.reason.toLowerCase()), time: time(one.block_time) };
  const answer = reply ? around("patient.answered", { time: time(reply.block_time) }) : [say("patient.not_answered")];
  return [...around("patient.disputed", values), " ", ...answer];
}

/** Shows a card, in the place of an earlier one of the same document. */
function put(receipt, shown) {
  const same = JSON.stringify(receipt);
  const earlier = cards.get(same);
  if (earlier) earlier.replaceWith(shown);
  else list.append(shown);
  cards.set(same, shown);
  return shown;
}

async function look(file) {
  let receipt;
  try {
    receipt = await readReceipt(file);
  } catch (error) {
    problem.append(make("p", {}, say("patient.not_read", { name: file.name, problem: error.message })));
    return;
  }
  let shown;
  try {
    shown = await answered(file, receipt);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    shown = unanswered(file, error);
  }
  put(receipt, shown);
  documents.hidden = false;
}

let waiting = Promise.resolve();

async function lookAll(files) {
  problem.replaceChildren();
  for (const [place, file] of files.entries()) {
    progress.textContent = say("patient.working", { place: place + 1, count: files.length });
    await look(file);
  }
  progress.textContent = "";
  if (!documents.hidden) document.getElementById("documents-heading").focus();
}

function take(files) {
  const taken = [...files];
  waiting = waiting.then(() => lookAll(taken));
}

input.addEventListener("change", () => {
  take(input.files);
  input.value = "";
});
box.addEventListener("dragover", () => box.classList.add("is-over"));
box.addEventListener("dragleave", () => box.classList.remove("is-over"));
box.addEventListener("drop", (event) => {
  box.classList.remove("is-over");
  take(event.dataTransfer.files);
});
// A file that misses the box would otherwise replace the page.
for (const kind of ["dragover", "drop"]) document.addEventListener(kind, (event) => event.preventDefault());
