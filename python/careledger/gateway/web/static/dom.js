// Words, elements and answers: what every page's script works with.

const texts = JSON.parse(document.getElementById("words").textContent);

/** A text in the page's language, with what stands in braces filled in. */
export function say(name, values = {}) {
  const text = texts[name];
  if (text === undefined) throw new Error(`no words for ${name}`);
  return text.replace(/\{(\w+)\}/g, (whole, key) => (key in values ? String(values[key]) : whole));
}

/** Whether there is a text of that name. */
export const can = (name) => name in texts;

/** An element with attributes and children; a child that is null or undefined is left out. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) element.setAttribute(name, value);
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** One of the page's icons. It says nothing: words stand beside it. */
export function icon(name, style = "icon") {
  const space = "http://www.w3.org/2000/svg";
  const picture = document.createElementNS(space, "svg");
  picture.setAttribute("class", style);
  picture.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(space, "use");
  use.setAttribute("href", `#i-${name}`);
  picture.append(use);
  return picture;
}

const language = document.documentElement.lang;

/** Whether formats can be made for a language: some systems tell browsers of one like en-US@posix. */
function isKnown(tag) {
  try {
    return Intl.DateTimeFormat.supportedLocalesOf(tag).length > 0;
  } catch {
    return false;
  }
}

/** The page's language, as the reader's country writes it. */
export const locale = navigator.languages.find((one) => one.split("-")[0] === language.split("-")[0] && isKnown(one)) ?? language;

const here = new Intl.DateTimeFormat(locale, {
  year: "numeric",
  month: "long",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  timeZoneName: "short",
});

/** A time of Unix seconds as people here read it, with UTC in the element. */
export function time(seconds) {
  const date = new Date(seconds * 1000);
  const utc = date.toISOString();
  return make("time", { datetime: utc, title: `${utc.slice(0, 19).replace("T", " ")} UTC` }, here.format(date));
}

/** A text whose `{name}` is an element. */
export function around(name, values) {
  return say(name)
    .split(/(\{\w+\})/)
    .filter((part) => part)
    .map((part) => (part.startsWith("{") ? values[part.slice(1, -1)] : part));
}

/** Pairs of term and description; those whose description is null are left out. */
export function facts(pairs) {
  const told = pairs.filter(([, found]) => found !== null && found !== undefined);
  return make("dl", { class: "facts" }, told.map(([term, found]) => make("div", {}, make("dt", {}, term), make("dd", {}, found))));
}

export const code = (text) => make("span", { class: "code" }, text);

/** An answer that is a problem: what it says, its status, and all of it. */
export class Problem extends Error {
  constructor(status, detail, body = {}) {
    super(detail);
    this.status = status;
    this.body = body;
  }
}

/** What the gateway answers in JSON. Throws Problem for what it refuses, with status 0 if it was not reached. */
export async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { credentials: "same-origin", ...options });
  } catch {
    throw new Problem(0, say("site.failed_network"));
  }
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Problem(answer.status, say("site.failed_detail", { detail: body.detail ?? answer.status }), body);
  return body;
}

/** What changes something, by whoever is signed in; with a body in JSON if there is one. */
export function send(method, path, body, headers = {}) {
  const { csrf } = document.body.dataset;
  const json = body === undefined ? {} : { "Content-Type": "application/json" };
  return ask(path, { method, headers: { ...(csrf ? { "X-CSRF-Token": csrf } : {}), ...json, ...headers }, body: body && JSON.stringify(body) });
}

/** A question whose body is in JSON. */
export const post = (path, body) => send("POST", path, body);

/** That there is no answer, and why. */
export function notAnswered(problem) {
  return verdict("still", "silent", say("site.failed"), make("p", {}, problem.message));
}

/** A card that says in an icon and words how something stands. */
export function verdict(tone, picture, heading, ...body) {
  const title = make("h2", { id: "result-heading", tabindex: "-1" }, heading);
  const head = make("div", { class: "verdict-head" }, icon(picture, "verdict-icon"), title);
  return make("div", { class: `panel verdict verdict-${tone}` }, head, make("div", { class: "verdict-body" }, ...body));
}

/** What an answer means and what to do. */
export function meaning(what, todo) {
  return make(
    "div",
    { class: "meaning" },
    make("div", {}, make("h3", {}, say("site.means")), make("p", {}, what)),
    make("div", {}, make("h3", {}, say("site.do")), make("p", {}, todo)),
  );
}

/** Everything that was answered, folded. */
export function whole(answer) {
  const text = make("pre", { tabindex: "0" }, JSON.stringify(answer, null, 2));
  return make("details", {}, make("summary", {}, say("site.details")), text);
}

/** Shows what a section holds, and brings a reader there. */
export function show(section, ...content) {
  section.replaceChildren(...content);
  section.hidden = false;
  const title = section.querySelector("h2");
  title.focus({ preventScroll: true });
  const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  section.scrollIntoView({ behavior: still ? "auto" : "smooth", block: "start" });
}

/** What an organization is called, by its id: the gateway's own, or the register's. */
export async function named(organization) {
  const { organization: name, organizationId: id } = document.body.dataset;
  if (organization === id) return name;
  try {
    return (await ask(`/organizations/${organization}`)).name;
  } catch {
    return organization;
  }
}

/** A new `Idempotency-Key`. */
export const freshKey = () => crypto.getRandomValues(new Uint8Array(16)).reduce((text, byte) => text + byte.toString(16).padStart(2, "0"), "");
