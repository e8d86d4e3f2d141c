// Boxes that take a file each, chosen or dropped; a receipt finds its own box.

import { icon, locale, make, say } from "./dom.js";

const LONGEST_RECEIPT = 8 * 1024 * 1024;
const units = ["byte", "kilobyte", "megabyte", "gigabyte"];

function size(bytes) {
  const step = bytes < 1000 ? 0 : Math.min(3, Math.floor(Math.log10(bytes) / 3));
  const options = { style: "unit", unit: units[step], unitDisplay: step ? "short" : "long", maximumFractionDigits: 1 };
  return new Intl.NumberFormat(locale, options).format(bytes / 1000 ** step);
}

/** The receipt that a file holds. Throws with words for people if it is none. */
export async function readReceipt(file) {
  if (file.size > LONGEST_RECEIPT) throw new Error(say("files.too_long"));
  let text;
  try {
    text = await file.text();
  } catch {
    throw new Error(say("files.unreadable"));
  }
  try {
    const found = JSON.parse(text);
    if (found?.format === "careledger-receipt") return found;
  } catch {
    // Told below as any other file that is no receipt.
  }
  throw new Error(say("files.not_receipt"));
}

const isReceipt = (file) => readReceipt(file).then(() => true, () => false);

/** The boxes of a page by name. `files[name]` is what each holds; `changed` is called when one does. */
export function boxes(changed) {
  const files = {};
  const found = new Map([...document.querySelectorAll("[data-box]")].map((box) => [box.dataset.box, box]));

  function put(name, file) {
    files[name] = file;
    const box = found.get(name);
    box.classList.add("has-file");
    const told = box.querySelector(".box-file");
    told.replaceChildren(icon("ok"), make("span", {}, say("files.size", { name: file.name, size: size(file.size) })));
    told.hidden = false;
    box.querySelector("[data-choose]").textContent = say("files.replace");
    changed();
  }

  async function drop(dropped, name) {
    if (dropped.length === 1 || found.size === 1) return put(name, dropped[0]);
    for (const file of [...dropped].slice(0, 2)) put((await isReceipt(file)) ? "receipt" : "document", file);
  }

  for (const [name, box] of found) {
    const input = box.querySelector("input");
    input.addEventListener("change", () => input.files.length && put(name, input.files[0]));
    box.addEventListener("dragover", (event) => {
      event.preventDefault();
      box.classList.add("is-over");
    });
    box.addEventListener("dragleave", () => box.classList.remove("is-over"));
    box.addEventListener("drop", (event) => {
      event.preventDefault();
      box.classList.remove("is-over");
      if (event.dataTransfer.files.length) drop(event.dataTransfer.files, name);
    });
  }
  // A file that misses a box would otherwise replace the page.
  for (const kind of ["dragover", "drop"]) document.addEventListener(kind, (event) => event.preventDefault());
  return files;
}

/** SHA-256 of a file, made here, in hexadecimal with 0x. Throws with words for people if the file cannot be read. */
export async function digest(file) {
  if (!window.isSecureContext) throw new Error(say("site.insecure"));
  let content;
  try {
    content = await file.arrayBuffer();
  } catch {
    throw new Error(say("files.unreadable"));
  }
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  return `0x${[...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
