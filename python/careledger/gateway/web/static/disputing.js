// A subject's dispute of a document, signed by a wallet of the browser (EIP-1193) and sent by the gateway.

import { Problem, around, code, make, post, say, time } from "./dom.js";

const REASONS = ["INACCURATE", "WRONG_SUBJECT", "NOT_ISSUED", "CONSENT_MISSING", "OUTDATED"];
const UNDER_WAY = ["queued", "running"];
const LOOK_MILLISECONDS = 2_000;
const REFUSED = 4001; // EIP-1193
const ALREADY_ASKED = -32002; // EIP-1474

let numbers = 0;

/** What the receipt's subject said of the document: why, when, whether it stands, and whether it was answered. */
export function said(receipt, acts) {
  const own = acts.filter((act) => receipt.subject && act.party === receipt.subject);
  const raised = own.find((act) => act.act === "disputed");
  if (!raised) return null;
  const has = (name) => own.some((act) => act.act === name);
  return { reason: raised.reason, time: raised.block_time, isStanding: !has("dispute_withdrawn"), isAnswered: has("dispute_answered") };
}

/** What a patient can do about a document that is wrong. `again` shows the document anew as of a block, and gives that. */
export function disputing({ receipt, found, acts, organization: name, again }) {
  const organization = name ?? say("disputing.issuer");
  const mine = said(receipt, acts);
  const parts = [make("h4", { tabindex: "-1" }, say(mine ? "disputing.yours" : "disputing.heading"))];
  if (mine) {
    const reason = say(`reasons.${mine.reason.toLowerCase()}`);
    parts.push(make("p", {}, around("disputing.said", { reason, time: time(mine.time) })));
    if (mine.isAnswered) parts.push(make("p", {}, say("disputing.answered", { organization })));
    if (!mine.isStanding) parts.push(make("p", {}, say("disputing.withdrawn")));
  }
  if (!receipt.subject) parts.push(make("p", {}, say("disputing.no_key", { organization })));
  else if (found.who.organization !== document.body.dataset.organizationId) parts.push(make("p", {}, say("disputing.elsewhere", { organization })));
  else if (!mine) parts.push(...disputed(receipt, again));
  else if (mine.isStanding) parts.push(...withdrawn(receipt, again));
  return make("div", { class: "disputing" }, ...parts);
}

function disputed(receipt, again) {
  const id = `reason-${++numbers}`;
  const choices = REASONS.map((one) => make("option", { value: one }, say(`reasons.${one.toLowerCase()}`)));
  const select = make("select", { id, class: "text-input" }, make("option", { value: "" }, say("disputing.choose")), choices);
  return [
    make("ul", {}, ["marks", "public", "once"].map((name) => make("li", {}, say(`disputing.${name}`)))),
    key(receipt),
    make("div", { class: "field" }, make("label", { for: id }, say("disputing.reason")), select),
    ...acting("dispute", receipt, again, () => {
      if (!select.value) select.focus();
      return select.value;
    }),
  ];
}

const withdrawn = (receipt, again) => [make("p", {}, say("disputing.withdraw_what")), key(receipt), ...acting("withdraw", receipt, again, () => null)];

const key = (receipt) => make("p", { class: "small" }, say("disputing.key"), " ", code(receipt.subject));

/** A button that has a wallet sign and the gateway send, and what came of it. `reasonOf` gives "" if none is chosen. */
function acting(name, receipt, again, reasonOf) {
  const button = make("button", { class: name === "dispute" ? "button" : "button button-quiet", type: "button" }, say(`disputing.${name}`));
  const problem = make("p", { class: "problem", role: "alert" });
  const progress = make("span", { class: "progress", role: "status" });
  button.addEventListener("click", async () => {
    if (button.getAttribute("aria-disabled") === "true") return;
    const reason = reasonOf();
    problem.textContent = reason === "" ? say("disputing.need_reason") : window.ethereum ? "" : say("disputing.no_wallet");
    if (problem.textContent) return;
    button.setAttribute("aria-disabled", "true");
    try {
      const done = await sent({ receipt, reason }, (step) => (progress.textContent = say(`disputing.${step}`)));
      const shown = await again(done.block_number ?? 0);
      shown.querySelector(".disputing h4").focus();
    } catch (error) {
      problem.textContent = explained(error, receipt);
    } finally {
      progress.textContent = "";
      button.removeAttribute("aria-disabled");
    }
  });
  return [make("p", { class: "actions" }, button, progress), problem];
}

/** What the gateway sent, once it is in a block. What wallet and gateway refuse is thrown. */
async function sent(body, tell) {
  tell("asking_account");
  const accounts = await window.ethereum.request({ method: "eth_requestAccounts" });
  const account = accounts.find((one) => one.toLowerCase() === body.receipt.subject.toLowerCase());
  if (!account) throw new OtherAccount();
  const { typed_data, deadline } = await post("/documents/disputes/message", body);
  tell("asking_signature");
  const signature = await window.ethereum.request({ method: "eth_signTypedData_v4", params: [account, JSON.stringify(typed_data)] });
  tell("sending");
  const signed = { ...body, deadline, signature };
  let found = await post("/documents/disputes", signed);
  while (UNDER_WAY.includes(found.state)) {
    await new Promise((go) => setTimeout(go, LOOK_MILLISECONDS));
    found = await post("/documents/disputes", signed);
  }
  return found;
}

class OtherAccount extends Error {}

function explained(error, receipt) {
  if (error instanceof OtherAccount) return say("disputing.other_account", { subject: receipt.subject });
  if (error instanceof Problem) return error.message;
  if (error.code === REFUSED) return say("disputing.refused");
  return say(error.code === ALREADY_ASKED ? "disputing.already_asked" : "disputing.wallet_failed");
}
