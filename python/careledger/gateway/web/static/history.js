import { Problem, around, ask, facts, make, notAnswered, post, say, show, time, verdict, whole } from "./dom.js";
import { boxes, readReceipt } from "./files.js";
import { pathOf, timeline } from "./timeline.js";

const problem = document.getElementById("problem");
const progress = document.getElementById("progress");
const result = document.getElementById("result");

const files = boxes(() => {
  problem.textContent = "";
  result.hidden = true;
});

let asking = 0;

async function tell(question, isInBatch) {
  const mine = ++asking;
  problem.textContent = "";
  result.hidden = true;
  progress.textContent = say("history.working");
  try {
    const found = await question();
    if (mine === asking) show(result, found.acts.length ? told(found, isInBatch) : unknown(found));
  } catch (error) {
    if (mine !== asking) return;
    if (error instanceof Problem) show(result, notAnswered(error));
    else problem.textContent = error.message;
  } finally {
    if (mine === asking) progress.textContent = "";
  }
}

const asOf = ({ as_of: block }) => around("history.as_of_block", { block: String(block.block_number), time: time(block.block_time) });

function told(found, isInBatch) {
  const heading = make("h2", { id: "result-heading", tabindex: "-1" }, say("history.acts"));
  const link = isInBatch ? null : make("a", { href: pathOf(found) }, say("history.link"));
  return make(
    "div",
    { class: "panel history" },
    heading,
    timeline(found.acts),
    facts([[say("history.as_of"), make("span", {}, asOf(found))]]),
    make("p", { class: "note" }, make("span", {}, around("history.then", { verify: make("a", { href: "verify" }, say("history.verify")) }))),
    link && make("p", {}, link),
    whole(found),
  );
}

function unknown(found) {
  const what = make("p", {}, say("history.unknown_what"));
  return verdict("bad", "none", say("history.unknown"), what, facts([[say("history.as_of"), make("span", {}, asOf(found))]]), whole(found));
}

document.getElementById("ask").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!files.receipt) {
    problem.textContent = say("history.need_receipt");
    document.getElementById("receipt").focus();
    return;
  }
  try {
    const receipt = await readReceipt(files.receipt);
    await tell(() => post("/documents/history", { receipt }), Boolean(receipt.batch));
  } catch (error) {
    problem.textContent = error.message;
  }
});

const given = new URLSearchParams(location.search);
const [submitter, leaf] = [given.get("submitter"), given.get("leaf")];
if (submitter !== null || leaf !== null) {
  const isRight = /^0x[0-9a-fA-F]{40}$/.test(submitter) && /^0x[0-9a-f]{64}$/.test(leaf);
  if (isRight) tell(() => ask(`/documents/${submitter}/${leaf}/history`), false);
  else problem.textContent = say("history.wrong_link");
}
