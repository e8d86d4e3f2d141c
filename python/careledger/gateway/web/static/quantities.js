// Units, amounts and benefit classes as people write them. On the chain units are counted in thousandths, amounts in the token's minor units.

import { locale, say } from "./dom.js";

const MILLI_DECIMALS = 3;

/** A whole number of the smallest parts of what is typed; undefined for what is no number, or too fine. */
export function parsed(text, decimals) {
  const found = /^(\d+)(?:\.(\d+))?$/.exec(text.trim());
  if (!found || (found[2] ?? "").length > decimals) return undefined;
  const value = Number(found[1] + (found[2] ?? "").padEnd(decimals, "0"));
  return Number.isSafeInteger(value) ? value : undefined;
}

/** The decimal number that `parsed` takes, without needless zeros. */
export function plain(value, decimals) {
  const digits = String(value).padStart(decimals + 1, "0");
  const [whole, part] = [digits.slice(0, digits.length - decimals), digits.slice(digits.length - decimals).replace(/0+$/, "")];
  return part ? `${whole}.${part}` : whole;
}

export const units = { parsed: (text) => parsed(text, MILLI_DECIMALS), plain: (milli) => plain(milli, MILLI_DECIMALS) };

export const unitsText = (milli) =>
  milli === 1000 ? say("quantities.one_unit") : say("quantities.units", { count: new Intl.NumberFormat(locale, { maximumFractionDigits: MILLI_DECIMALS }).format(milli / 1000) });

/** The rule file's name of a benefit class, as a heading. */
export function words({ text }) {
  const plainly = text.replaceAll("-", " ");
  return plainly.charAt(0).toUpperCase() + plainly.slice(1);
}

/** An amount in the currency of the rule file, if the gateway has one; exact, since the number is read as the text that it is. */
export function amountText(amount, { currency, decimals }) {
  if (amount === null) return say("quantities.no_amount");
  if (currency === null) return say("quantities.minor", { count: new Intl.NumberFormat(locale).format(amount) });
  const maximumFractionDigits = Math.max(2, Math.min(decimals, 6));
  return new Intl.NumberFormat(locale, { style: "currency", currency, maximumFractionDigits }).format(`${amount}E-${decimals}`);
}
