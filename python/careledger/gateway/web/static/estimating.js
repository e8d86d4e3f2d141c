// What a planned service would cost a patient.

import { costs } from "./charges.js";
import { Problem, make, post, say } from "./dom.js";

const field = (id) => document.getElementById(id);
const typed = (id) => field(id).value.trim();

async function eligibility() {
  try {
    return JSON.parse(await field("eligibility").files[0].text());
  } catch {
    throw new Problem(0, say("estimating.not_eligibility"));
  }
}

field("estimate").addEventListener("submit", async (event) => {
  event.preventDefault();
  const problem = field("estimate-problem");
  const missing = ["code", "charge"].find((id) => !typed(id)) ?? (field("eligibility").files.length ? null : "eligibility");
  problem.textContent = missing ? say("estimating.need") : "";
  field("estimated").replaceChildren();
  if (missing) return field(missing).focus();
  field("estimate-progress").textContent = say("site.working");
  try {
    const service = { code: { system: typed("code-system"), code: typed("code") }, units: typed("units"), charge: typed("charge") };
    field("estimated").replaceChildren(...costs(await post("/services/estimates", { eligibility: await eligibility(), services: [service] })));
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    problem.replaceChildren(make("span", {}, error.message));
  } finally {
    field("estimate-progress").textContent = "";
  }
});
