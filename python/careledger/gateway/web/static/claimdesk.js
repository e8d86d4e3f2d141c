// Claim lines that wait for a person at the insurer's desk: the queue, one line opened, and what is allowed of its charge.

import { Problem, ask, can, code, facts, freshKey, icon, locale, make, named, say, send, show, time } from "./dom.js";
import { amountText, parsed, plain, unitsText } from "./quantities.js";

const MOST_CARC = 65_535;
const DAY = 86_400;

const field = (id) => document.getElementById(id);
const count = new Intl.NumberFormat(locale);
const why = ({ finding }) => (can(`claim_findings.${finding}`) ? say(`claim_findings.${finding}`) : finding);

/** The page's section for it: `load` it as of a block. `known` gives the currency; `opened` is called when a line is, and
 * `sent` with the job of a decision. */
export function claimDesk({ known, opened, sent }) {
  const canDecide = field("claim-terms") !== null;
  let line, signs, body, key;

  async function row(each) {
    const who = await named(each.provider);
    const of = { amount: amountText(each.charge, known()), who };
    const button = make("button", { class: "button button-quiet", type: "button", "aria-label": say("claimdesk.open_line", of) }, say("desk.open"));
    button.addEventListener("click", () => open(each, who));
    const when = each.submitted_at === null ? "" : make("p", { class: "left left-well" }, icon("clock"), make("span", {}, time(each.submitted_at)));
    const what = make("div", { class: "what" }, make("h3", {}, say("claimdesk.claim", of)), make("p", {}, why(each)));
    return make("li", { class: "panel waiting" }, when, what, button);
  }

  async function load(block) {
    field("claims-problem").textContent = "";
    try {
      const found = await ask("/claim-reviews?limit=100", { headers: { "Careledger-Min-Block": String(block) } });
      signs = found.signs;
      field("claims-queue").replaceChildren(...(await Promise.all(found.lines.map(row))));
      const many = { count: count.format(found.lines.length) };
      field("claims-count").textContent = !found.lines.length ? say("claimdesk.nothing") : say(found.complete ? "claimdesk.count" : "claimdesk.count_more", many);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      field("claims-problem").textContent = error.message;
    }
  }

  function open(each, who) {
    line = each;
    const day = each.service_day === null ? null : new Date(each.service_day * DAY * 1000).toISOString().slice(0, 10);
    const told = make(
      "div",
      { class: "panel" },
      make("h2", { id: "line-heading", tabindex: "-1" }, say("claimdesk.claim", { amount: amountText(each.charge, known()), who })),
      facts([
        [say("claimdesk.provider"), who],
        [say("claimdesk.why"), why(each)],
        [say("claimdesk.charge"), amountText(each.charge, known())],
        [say("claimdesk.units"), each.milli_units === null ? null : unitsText(each.milli_units)],
        [say("claimdesk.day"), day],
        [say("claimdesk.submitted"), each.submitted_at === null ? null : time(each.submitted_at)],
        [say("desk.request"), each.request && code(each.request)],
        [say("claimdesk.key"), code(each.key)],
      ]),
    );
    opened(told);
    if (!canDecide || !signs) return;
    field("claim-terms").reset();
    field("allowed").value = plain(each.charge, known().decimals ?? 0);
    field("allowed-hint").textContent = say("claimdesk.allowed_hint", { charge: amountText(each.charge, known()) });
    step("claim-terms");
    field("claim-deciding").hidden = false;
  }

  function step(name) {
    for (const id of ["claim-terms", "claim-confirm"]) field(id).hidden = id !== name;
    for (const id of ["claim-terms-problem", "claim-confirm-problem"]) field(id).textContent = "";
  }

  function wrong(name, id) {
    field("claim-terms-problem").textContent = say(`claimdesk.${name}`);
    field(id).focus();
  }

  /** The decision as the form has it; undefined if something is wrong, which is told. */
  function stated() {
    const allowed = parsed(field("allowed").value, known().decimals ?? 0);
    if (allowed === undefined || allowed > line.charge) return wrong("need_allowed", "allowed");
    const carc = field("carc").value.trim() ? parsed(field("carc").value, 0) : 0;
    if (carc === undefined || carc > MOST_CARC || (allowed < line.charge && !carc)) return wrong("need_carc", "carc");
    const statement = field("claim-statement").value.trim();
    return { status: "IN_REVIEW", allowed, carc, ...(statement ? { statement } : {}) };
  }

  function will() {
    const values = { allowed: amountText(body.allowed, known()), charge: amountText(line.charge, known()), carc: body.carc };
    return [
      say(body.allowed ? "claimdesk.will_allow" : "claimdesk.will_deny", values),
      body.carc ? say("claimdesk.will_carc", values) : null,
      say("claimdesk.will_sign"),
      body.statement ? say("desk.will_statement") : null,
    ].filter(Boolean);
  }

  if (canDecide) {
    field("claim-terms").addEventListener("submit", (event) => {
      event.preventDefault();
      body = stated();
      if (!body) return;
      key = freshKey();
      field("claim-will").replaceChildren(...will().map((one) => make("li", {}, one)));
      step("claim-confirm");
      field("claim-confirm-heading").focus();
    });

    field("claim-change").addEventListener("click", () => {
      step("claim-terms");
      field("allowed").focus();
    });

    field("claim-do-it").addEventListener("click", async () => {
      const button = field("claim-do-it");
      if (button.getAttribute("aria-disabled") === "true") return;
      button.setAttribute("aria-disabled", "true");
      try {
        sent(await send("POST", `/claim-reviews/${line.key}`, body, { "Idempotency-Key": key, Prefer: "respond-async" }));
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        field("claim-confirm-problem").textContent = error.message;
      } finally {
        button.removeAttribute("aria-disabled");
      }
    });
  }

  return {
    load,
    close: () => canDecide && (field("claim-deciding").hidden = true),
  };
}
