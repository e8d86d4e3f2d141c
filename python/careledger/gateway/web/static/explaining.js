// Explanations of benefits beside what the chain has of their lines. A file is read here; only its lines' numbers are sent.

import { money, shares, state, table, word } from "./charges.js";
import { around, facts, icon, make, post, say, time } from "./dom.js";
import { parsed } from "./quantities.js";

const LONGEST = 1024 * 1024;
const TRACE = "http://hl7.org/fhir/5.0/StructureDefinition/extension-ExplanationOfBenefit.item.traceNumber";
const PLACE = /^eip155:(\d+):0x[0-9a-fA-F]{40}\/(0x[0-9a-f]{64})$/;
const PATIENT = ["deductible", "coinsurance", "copay"];

const input = document.getElementById("explanations");
const box = document.getElementById("explanation-drop");
const problem = document.getElementById("explanation-problem");
const progress = document.getElementById("explanation-progress");
const list = document.getElementById("explained");

// ------------------------------------------------------------------ what the paper says

async function read(file) {
  try {
    const found = file.size <= LONGEST && JSON.parse(await file.text());
    if (found?.resourceType === "ExplanationOfBenefit" && Array.isArray(found.item)) return found.item.map(line);
  } catch {
    // Told below as any other file that is none.
  }
  throw new Error(say("explaining.not_explanation"));
}

function line(item) {
  const coding = item.productOrService?.coding?.[0] ?? {};
  const uri = item.extension?.find((one) => one.url === TRACE)?.valueIdentifier?.value ?? "";
  const [, chain, key] = PLACE.exec(uri) ?? [];
  const said = (names) =>
    (item.adjudication ?? [])
      .filter((one) => one.category?.coding?.some((category) => names.includes(category.code)))
      .map((one) => one.amount);
  return {
    name: [item.productOrService?.text ?? coding.display ?? coding.code, item.servicedPeriod?.start ?? item.servicedDate].filter((one) => one).join(", "),
    chain,
    key,
    charge: said(["submitted"]),
    paid: said(["benefit"]),
    yours: said(PATIENT),
  };
}

/** The sum of FHIR amounts in minor units; undefined if one cannot be told in them. */
function sum(amounts, { decimals, currency }) {
  const parts = amounts.map((one) => (currency === null || one?.currency === currency ? parsed(String(one?.value), decimals ?? 0) : undefined));
  return parts.includes(undefined) ? undefined : parts.reduce((total, one) => total + one, 0);
}

const text = (amounts, of) => {
  const total = sum(amounts, of);
  return total === undefined ? amounts.map((one) => `${one?.value} ${one?.currency ?? ""}`).join(" + ") || "–" : money(total, of);
};

// ------------------------------------------------------------------ beside the chain

const yours = (entry) => (entry.deductible === null ? null : entry.deductible + entry.coinsurance + entry.copay);

/** How a line stands: `equal`, `differs` or `open`, and that in words. */
function compared(said, entry, of) {
  if (!said.key) return ["open", say("explaining.no_number")];
  if (said.chain !== String(of.chain_id)) return ["open", say("explaining.other_chain", { chain: said.chain })];
  if (!entry) return ["open", say("explaining.unknown")];
  if (of.decimals === null) return ["open", say("explaining.no_currency")];
  const status = word("claim_statuses", entry.status);
  if (entry.paid === null) return ["differs", say("explaining.undecided", { status })];
  const isSame = ["charge", "paid"].every((name) => sum(said[name], of) === entry[name]) && sum(said.yours, of) === yours(entry);
  if (isSame && entry.status !== "REVERSED") return ["equal", [state("claim_statuses", entry.status), ", ", say("explaining.same")]];
  return ["differs", say("explaining.other", { status, paid: money(entry.paid, of), charge: money(entry.charge, of), yours: money(yours(entry), of) })];
}

const LOOKS = { equal: ["good", "ok"], differs: ["bad", "no"], open: ["care", "warn"] };

function card(name, lines, of) {
  const entries = new Map(of.lines.map((one) => [one.claim_line, one]));
  const told = lines.map((one) => compared(one, entries.get(one.key), of));
  const standing = ["differs", "open"].find((each) => told.some(([one]) => one === each)) ?? "equal";
  const [tone, picture] = LOOKS[standing];
  const columns = [[say("explaining.service")], ...["charged", "paid", "yours"].map((one) => [say(`explaining.${one}`), true]), [say("explaining.chain")]];
  const rows = lines.map((one, place) => [one.name, text(one.charge, of), text(one.paid, of), text(one.yours, of), told[place][1]]);
  const known = lines.map((one) => entries.get(one.key)).filter((one) => one && one.paid !== null);
  const total = (pick) => known.reduce((sum, one) => sum + pick(one), 0);
  const bar = shares({ insurer: total((one) => one.paid), patient: total(yours), contractual: total((one) => one.contractual), denied: total((one) => one.denied) }, of);
  const head = make("div", { class: "verdict-head" }, icon(picture, "verdict-icon"), make("h3", { tabindex: "-1" }, say(`explaining.${standing}`)));
  return make(
    "li",
    { class: `panel verdict verdict-${tone}` },
    head,
    make(
      "div",
      { class: "verdict-body" },
      make("p", { class: "file-name" }, name),
      make("p", {}, say(`explaining.${standing}_what`)),
      table(say("explaining.lines"), columns, rows),
      bar,
      of.as_of && facts([[say("verify.as_of"), around("verify.as_of_block", { block: String(of.as_of.block_number), time: time(of.as_of.block_time) })]]),
    ),
  );
}

async function explain(file) {
  try {
    const lines = await read(file);
    const keys = [...new Set(lines.map((one) => one.key).filter((one) => one))];
    const of = keys.length ? await post("/claims/lines", { keys }) : { lines: [], decimals: null, currency: null };
    list.append(card(file.name, lines, of));
    return true;
  } catch (error) {
    problem.append(make("p", {}, say("explaining.not_read", { name: file.name, problem: error.message })));
    return false;
  }
}

async function explainAll(files) {
  problem.replaceChildren();
  list.replaceChildren();
  for (const [place, file] of files.entries()) {
    progress.textContent = say("explaining.working", { place: place + 1, count: files.length });
    await explain(file);
  }
  progress.textContent = "";
  list.querySelector("h3")?.focus();
}

let waiting = Promise.resolve();

function take(files) {
  const taken = [...files];
  waiting = waiting.then(() => explainAll(taken));
}

input.addEventListener("change", () => {
  take(input.files);
  input.value = "";
});
box.addEventListener("dragover", (event) => {
  event.preventDefault();
  box.classList.add("is-over");
});
box.addEventListener("dragleave", () => box.classList.remove("is-over"));
box.addEventListener("drop", (event) => {
  event.preventDefault();
  box.classList.remove("is-over");
  take(event.dataTransfer.files);
});
