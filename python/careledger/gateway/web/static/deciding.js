// The form in which a reviewer decides a line: what is stated, what will happen, and its sending.

import { Problem, freshKey, make, say, send } from "./dom.js";
import { amountText, parsed, plain, units, unitsText, words } from "./quantities.js";

const GRANTS = ["APPROVED_IN_FULL", "APPROVED_IN_PART", "MODIFIED"];
const WITHOUT_REASON = ["APPROVED_IN_FULL", "INFORMATION_REQUESTED"];

const field = (id) => document.getElementById(id);
const choices = [...document.querySelectorAll("[data-step]")];
const asynchronous = (key) => ({ "Idempotency-Key": key, Prefer: "respond-async" });

/** What is wrong with the form: the name of the words for it, and of the field. */
class Wrong extends Error {
  constructor(name, id) {
    super(say(`desk.${name}`));
    this.id = id;
  }
}

function options(list, first, sign = words) {
  const all = list.map((one) => make("option", { value: one.number }, sign(one)));
  return first === undefined ? all : [make("option", { value: "" }, first), ...all];
}

/** What the page's section for it does: `offer` a line, `close` it, and `mark` what is past due. `sent` is called with the
 * job of a decision. */
export function deciding(sent) {
  let line, known, body, key;

  const action = () => choices.find((one) => one.querySelector("input").checked)?.dataset.step;
  const named = (step) => (step === "DENIED" && line.waits_for === "appeal" ? "UPHELD" : step);
  const hasUnknownAmount = () => line.amount_requested === null;
  const states = (step) => step === "APPROVED_IN_PART" || step === "MODIFIED" || (step === "APPROVED_IN_FULL" && hasUnknownAmount());

  function isOffered(step) {
    const isAppeal = line.waits_for === "appeal";
    if (step === "INFORMATION_REQUESTED") return line.waits_for === "decision";
    if (step === "DEADLINE_EXTENDED") return !isAppeal && !line.extended && line.seconds_left > 0;
    return known.signs && !(step === "MODIFIED" && isAppeal);
  }

  function step(name) {
    for (const id of ["terms", "confirm"]) field(id).hidden = id !== name;
    for (const id of ["terms-problem", "confirm-problem"]) field(id).textContent = "";
  }

  function offer(opened, queue) {
    [line, known] = [opened, queue];
    field("terms").reset();
    for (const choice of choices) {
      choice.hidden = !isOffered(choice.dataset.step);
      choice.querySelector(".choice-name").textContent = say(`desk_steps.${named(choice.dataset.step)}`);
      choice.querySelector(".choice-what").textContent = say(`desk_steps.${named(choice.dataset.step)}_what`);
    }
    field("units").value = units.plain(line.milli_units_requested);
    field("units-hint").textContent = say("desk.of_asked", { asked: unitsText(line.milli_units_requested) });
    field("amount").value = hasUnknownAmount() ? "" : plain(line.amount_requested, known.decimals ?? 0);
    field("amount-hint").textContent = say("desk.of_asked", { asked: amountText(line.amount_requested, known) });
    field("amount-label").textContent = known.currency === null ? say("desk.amount_granted_minor") : say("desk.amount_granted", known);
    field("class").replaceChildren(...options(known.classes));
    field("class").value = String(line.benefit_class);
    const isListed = known.reasons.length > 0;
    field("reason").replaceChildren(...options(known.reasons, say("desk.choose_reason"), (one) => one.text));
    field("reason").hidden = !isListed;
    field("reason-number").hidden = isListed;
    step("terms");
    asked();
    field("deciding").hidden = !choices.some((choice) => !choice.hidden);
  }

  /** Shows the fields that the chosen action needs. */
  function asked() {
    const chosen = action();
    field("granted").hidden = !chosen || !states(chosen);
    field("class-field").hidden = chosen !== "MODIFIED" || known.classes.length === 0;
    field("reason-field").hidden = !chosen || WITHOUT_REASON.includes(chosen);
    field("statement-field").hidden = !chosen || chosen === "DEADLINE_EXTENDED";
    field("statement-label").textContent = say(chosen === "INFORMATION_REQUESTED" ? "desk.question" : "desk.rationale");
  }

  function granted(chosen) {
    const milli = units.parsed(field("units").value);
    const amount = parsed(field("amount").value, known.decimals ?? 0);
    if (!milli) throw new Wrong("need_units", "units");
    if (amount === undefined) throw new Wrong("need_amount", "amount");
    if (chosen === "APPROVED_IN_PART" && line.waits_for !== "appeal") {
      const [mostUnits, most] = [line.milli_units_requested, line.amount_requested ?? Infinity];
      const isAll = milli === mostUnits && (amount === most || hasUnknownAmount());
      if (isAll || milli > mostUnits || amount > most) throw new Wrong("need_less", milli > mostUnits ? "units" : "amount");
    }
    const other = chosen === "MODIFIED" && field("class").value ? { benefit_class: Number(field("class").value) } : {};
    return { milli_units: milli, amount, ...other };
  }

  function reason() {
    const from = field("reason").hidden ? "reason-number" : "reason";
    const number = parsed(field(from).value, 0);
    if (!number || number > 65_535) throw new Wrong("need_reason", from);
    return { reason: number };
  }

  /** The decision as the form has it. Throws Wrong. */
  function stated() {
    const chosen = action();
    if (!chosen) throw new Wrong("need_action", choices.find((one) => !one.hidden).querySelector("input"));
    const statement = field("statement").value.trim();
    if (chosen === "INFORMATION_REQUESTED" && !statement) throw new Wrong("need_question", "statement");
    return {
      provider: line.provider,
      sequence: line.sequence,
      action: chosen,
      ...(states(chosen) ? granted(chosen) : {}),
      ...(WITHOUT_REASON.includes(chosen) ? {} : reason()),
      ...(statement && chosen !== "DEADLINE_EXTENDED" ? { statement } : {}),
    };
  }

  function will() {
    const { action: chosen, milli_units: milli = line.milli_units_requested, amount = line.amount_requested } = body;
    const grant = GRANTS.includes(chosen) ? { units: unitsText(milli), amount: amountText(amount, known) } : null;
    const found = known.reasons.find((one) => one.number === body.reason)?.text ?? body.reason;
    const how = { INFORMATION_REQUESTED: "will_insurer", DEADLINE_EXTENDED: "will_extend" }[chosen] ?? "will_sign";
    return [
      `${say(`desk_steps.${named(chosen)}`)}: ${say(`desk_steps.${named(chosen)}_what`)}`,
      grant && say("desk.will_grant", grant),
      body.reason && say("desk.will_reason", { reason: found }),
      say(`desk.${how}`, { organization: document.body.dataset.organization }),
      body.statement && say("desk.will_statement"),
    ].filter(Boolean);
  }

  field("terms").addEventListener("change", asked);

  field("terms").addEventListener("submit", (event) => {
    event.preventDefault();
    try {
      body = stated();
    } catch (wrong) {
      if (!(wrong instanceof Wrong)) throw wrong;
      field("terms-problem").textContent = wrong.message;
      return (wrong.id.focus ? wrong.id : field(wrong.id)).focus();
    }
    key = freshKey();
    field("will").replaceChildren(...will().map((one) => make("li", {}, one)));
    step("confirm");
    field("confirm-heading").focus();
  });

  field("change").addEventListener("click", () => {
    step("terms");
    choices.find((one) => one.dataset.step === action()).querySelector("input").focus();
  });

  field("do-it").addEventListener("click", async () => {
    if (field("do-it").getAttribute("aria-disabled") === "true") return;
    field("do-it").setAttribute("aria-disabled", "true");
    try {
      sent(await send("POST", `/reviews/${line.request}/${line.line}`, body, asynchronous(key)));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      field("confirm-problem").textContent = error.message;
    } finally {
      field("do-it").removeAttribute("aria-disabled");
    }
  });

  return {
    offer,
    close: () => (field("deciding").hidden = true),
    mark: () => send("POST", "/reviews/overdue", undefined, asynchronous(freshKey())),
  };
}
