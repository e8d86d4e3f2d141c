// A job followed until it is final, and what it came to.

import { can, code, facts, icon, make, say, time } from "./dom.js";

const EVENTS = ["queued", "running", "included", "final", "failed", "reorganized"];
const PICTURES = { included: "ok", final: "ok", failed: "no", reorganized: "warn" };

const field = (id) => document.getElementById(id);

const refusal = ({ title, detail }) => (can(`desk_refusals.${title.replaceAll(" ", "_")}`) ? say(`desk_refusals.${title.replaceAll(" ", "_")}`) : detail);

function outcome(result) {
  if (result.marked) return make("p", {}, say("desk.marked_count", { marked: result.marked.length, past_due: result.past_due }));
  const words = result.events.includes("OpinionGiven") ? "opinion_kept" : result.reviewer_key ? "decided" : null;
  return make(
    "div",
    {},
    words && make("h3", {}, say(`desk.${words}`)),
    facts([
      [say("desk.outcome"), result.action ? say(`desk_steps.${result.action}`) : null],
      [say("desk.key"), result.reviewer_key && code(result.reviewer_key)],
      [say("desk.fingerprint"), result.statement && code(result.statement)],
      [say("desk.transaction"), code(result.transaction_hash)],
    ]),
  );
}

/** Follows a job in the page's section for it. `included` is called with each block that the job came into. */
export function following(included) {
  let source;

  function stop() {
    source?.close();
    field("job").hidden = true;
  }

  function follow(job) {
    stop();
    for (const id of ["job-steps", "job-result"]) field(id).replaceChildren();
    field("job-problem").textContent = "";
    field("job-heading").textContent = say("desk.sent");
    field("job").hidden = false;
    field("job-heading").focus();
    const current = new EventSource(`${job.href}/events`);
    source = current;
    const told = ({ type, data }) => {
      const { time: at, job: now } = JSON.parse(data);
      const words = say(`desk.job_${type}`, { block: now.block_number });
      const mark = type === "failed" ? "mark mark-bad" : "mark";
      field("job-steps").append(make("li", {}, icon(PICTURES[type] ?? "clock", mark), make("p", {}, words), make("p", { class: "small" }, time(at))));
      if (type === "final") field("job-heading").textContent = say("desk.done");
      if (type === "included") included(now.block_number);
      if (type === "final" || type === "failed") current.close();
      if (now.result) field("job-result").replaceChildren(outcome(now.result));
      if (now.problem) field("job-problem").textContent = refusal(now.problem);
    };
    for (const name of EVENTS) current.addEventListener(name, told);
    current.onerror = () => {
      if (current.readyState === EventSource.CLOSED) field("job-problem").textContent = say("desk.job_lost");
    };
  }

  return { follow, stop };
}
