import { doubts, looks, ofWhen, ofWho, reason, told } from "./answers.js";
import { Problem, around, ask, code, facts, make, meaning, named, notAnswered, post, say, show, time, verdict, whole } from "./dom.js";
import { boxes, digest, readReceipt } from "./files.js";

const form = document.getElementById("verify");
const problem = document.getElementById("problem");
const progress = document.getElementById("progress");
const sending = document.getElementById("send");
const result = document.getElementById("result");
const files = boxes(() => {
  problem.textContent = "";
  sending.hidden = true;
  result.hidden = true;
});

let asking = 0;

async function checked(ask, handling) {
  const mine = ++asking;
  progress.textContent = say("site.working");
  try {
    const answer = await ask();
    const card = await answered(answer, handling);
    if (mine === asking) show(result, card);
  } catch (error) {
    if (mine !== asking) return;
    if (error instanceof Problem) show(result, notAnswered(error));
    else problem.textContent = error.message;
  } finally {
    if (mine === asking) progress.textContent = "";
  }
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  problem.textContent = "";
  sending.hidden = true;
  result.hidden = true;
  if (!files.receipt) {
    problem.textContent = say("verify.need_receipt");
    document.getElementById("receipt").focus();
    return;
  }
  let receipt;
  try {
    receipt = await readReceipt(files.receipt);
  } catch (error) {
    problem.textContent = error.message;
    return;
  }
  if (!files.document) return checked(() => post("/documents/verify", { receipt }), "not_compared");
  if (receipt.canonicalization === "raw")
    return checked(async () => post("/documents/verify", { receipt, digest: await digest(files.document) }), "stayed");
  const values = { method: receipt.canonicalization, organization: document.body.dataset.organization };
  document.getElementById("send-what").textContent = say("verify.send_what", values);
  sending.hidden = false;
  document.getElementById("send-heading").focus();
});

document.getElementById("send-button").addEventListener("click", () =>
  checked(() => {
    const body = new FormData();
    body.append("file", files.document);
    body.append("receipt", files.receipt);
    return ask("/documents/verify/files", { method: "POST", body });
  }, "sent"),
);

async function answered(found, handling) {
  const { name, tone, picture } = looks(found);
  return verdict(
    tone,
    picture,
    say(`answers.${name}.name`),
    meaning(say(`answers.${name}.what`), say(`answers.${name}.do`)),
    doubts(found),
    facts(await lines(found, handling)),
    differences(found),
    whole(found),
  );
}

function ofFile(found, handling) {
  if (handling === "not_compared") return say("verify.file_not_compared");
  const where = say(`verify.file_${handling}`);
  if (found.answer === "altered") return `${say("verify.file_differs")} ${where}`;
  return `${say("verify.file_matches")} ${where}`;
}

async function by(actor) {
  if (!actor) return null;
  const who = actor.organization === null ? code(actor.key) : await named(actor.organization);
  return actor.compromised ? make("span", {}, who, " ", say("verify.compromised_act")) : who;
}

async function lines(found, handling) {
  const { revocation, succession, alteration, failure, as_of: asOf, when } = found;
  return [
    [say("verify.stopped_by"), failure && told("parts", failure.part)],
    [say("verify.file"), ofFile(found, handling)],
    [say("verify.digest_expected"), alteration && code(alteration.expected)],
    [say("verify.digest_found"), alteration && (alteration.found ? code(alteration.found) : say("verify.digest_none", alteration))],
    [say("verify.revoked_because"), revocation && reason(revocation.reason ?? "unspecified")],
    [say("verify.revoked_on"), revocation?.revoked_at ? time(revocation.revoked_at) : null],
    [say("verify.revoked_by"), await by(revocation?.by)],
    [say("verify.superseded_because"), succession && reason(succession.reason)],
    [say("verify.superseded_on"), succession && time(succession.amended_at)],
    [say("verify.latest"), succession && code(succession.latest_leaf)],
    [say("verify.disputes"), found.disputes ? String(found.disputes) : null],
    [say("verify.who"), await ofWho(found)],
    [say("verify.when"), ofWhen(found)],
    [say("verify.expires"), when.expiry ? time(when.expiry) : null],
    [say("verify.countersigned"), found.countersignatures.length ? String(found.countersignatures.length) : null],
    [say("verify.as_of"), asOf ? around("verify.as_of_block", { block: String(asOf.block_number), time: time(asOf.block_time) }) : say("verify.no_as_of")],
  ];
}

function differences(found) {
  if (!found.differences.length) return null;
  const columns = ["field", "by_receipt", "by_chain"].map((name) => make("th", { scope: "col" }, say(`verify.${name}`)));
  const rows = found.differences.map((one) => make("tr", {}, make("td", {}, one.field), make("td", {}, code(one.receipt)), make("td", {}, code(one.chain))));
  return make(
    "div",
    { class: "table" },
    make("table", {}, make("caption", {}, say("verify.differences")), make("thead", {}, make("tr", {}, columns)), make("tbody", {}, rows)),
  );
}

if (!window.isSecureContext) document.getElementById("insecure").hidden = false;
