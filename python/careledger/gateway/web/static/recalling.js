// A lot recalled in two steps, and the job followed until it is final.

import { Problem, freshKey, icon, locale, make, say, send, time } from "./dom.js";

const EVENTS = ["queued", "running", "included", "final", "failed", "reorganized"];
const PICTURES = { included: "ok", final: "ok", failed: "no", reorganized: "warn" };
const GRADES = ["III", "II", "I"];

const field = (id) => document.getElementById(id);
const count = new Intl.NumberFormat(locale);

/** What the page's section for it does: `offer` it for a lot that was found, `close` it. `changed` is called with the lot
 * and the block that it was recalled in. */
export function recalling(changed) {
  const section = field("recall");
  const steps = { terms: field("terms"), confirm: field("confirm"), job: field("job") };
  const grades = [...document.querySelectorAll("[name=grade]")];
  const doIt = field("do-it");
  let found, lot, key, following;

  function step(name) {
    for (const [each, panel] of Object.entries(steps)) panel.hidden = each !== name;
    for (const one of section.querySelectorAll(".problem")) one.textContent = "";
  }

  function close() {
    following?.close();
    section.hidden = true;
  }

  function offer(report, asked) {
    [found, lot] = [report, asked];
    const current = GRADES.indexOf(found.recall_class.replace("CLASS_", ""));
    const isGravest = current === GRADES.length - 1;
    field("recall-heading").textContent = say(current < 0 ? "recalls.recall" : "recalls.raise");
    for (const one of grades) {
      one.checked = false;
      one.disabled = GRADES.indexOf(one.value) <= current;
    }
    field("reason").value = "";
    field("closed").checked = false;
    const isOwn = found.maker === document.body.dataset.organizationId;
    field("closed-choice").hidden = !isOwn;
    field("others").hidden = isOwn;
    step("terms");
    section.hidden = isGravest;
  }

  function wanted() {
    return { grade: grades.find((one) => one.checked)?.value, reason: field("reason").value, closed: field("closed").checked };
  }

  steps.terms.addEventListener("submit", (event) => {
    event.preventDefault();
    const { grade, reason, closed } = wanted();
    field("terms-problem").textContent = grade ? (reason ? "" : say("recalls.need_reason")) : say("recalls.need_grade");
    if (!grade || !reason) return (grade ? field("reason") : grades.find((one) => !one.disabled)).focus();
    key = freshKey();
    const values = { lot: lot.label, maker: found.maker_name, grade: say(`recall_classes.CLASS_${grade}`), reason: say(`recall_reasons.${reason}`) };
    const goods = { held: count.format(found.held), holders: count.format(found.holders.length), moving: count.format(found.on_the_way) };
    const isFirst = found.recall_class === "NOT_RECALLED";
    const isOpened = !closed && found.maker === document.body.dataset.organizationId;
    const lines = [
      say(isFirst ? "recalls.will_lot" : "recalls.will_lot_graver", values),
      say("recalls.will_stop", goods),
      say("recalls.will_stay"),
      say(isOpened ? "recalls.will_open" : "recalls.will_close"),
      say("recalls.will_sign", { organization: document.body.dataset.organization }),
    ];
    field("will").replaceChildren(...lines.map((line) => make("li", {}, line)));
    step("confirm");
    field("confirm-heading").focus();
  });

  field("back").addEventListener("click", () => {
    step("terms");
    field("recall-heading").focus();
  });

  doIt.addEventListener("click", async () => {
    if (doIt.getAttribute("aria-disabled") === "true") return;
    doIt.setAttribute("aria-disabled", "true");
    const { grade, reason, closed } = wanted();
    const body = { ...lot.body, recall_class: grade, reason, keep_closed: closed };
    try {
      const job = await send("POST", "/recalls", body, { "Idempotency-Key": key, Prefer: "respond-async" });
      step("job");
      field("job-heading").focus();
      follow(job.href);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      field("confirm-problem").textContent = error.message;
    } finally {
      doIt.removeAttribute("aria-disabled");
    }
  });

  /** Tells each thing that happens to a job, until its end. */
  function follow(href) {
    const [list, of] = [field("job-steps"), lot];
    list.replaceChildren();
    following = new EventSource(`${href}/events`);
    const source = following;
    const told = ({ type, data }) => {
      const { time: at, job } = JSON.parse(data);
      const words = say(`recalls.job_${type}`, { block: job.block_number });
      list.append(make("li", {}, icon(PICTURES[type] ?? "clock", type === "failed" ? "mark mark-bad" : "mark"), make("p", {}, words), make("p", { class: "small" }, time(at))));
      if (type === "included") refresh(of, job.block_number);
      if (type === "final" || type === "failed") source.close();
      if (type === "failed") field("job-problem").textContent = job.problem.detail;
    };
    for (const name of EVENTS) source.addEventListener(name, told);
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) field("job-problem").textContent = say("recalls.job_lost");
    };
  }

  async function refresh(of, block) {
    try {
      await changed(of, block);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      field("job-problem").textContent = error.message;
    }
  }

  return { close, offer };
}
