// Charts of bars, drawn as wide as there is room; a table of the same figures stands beside each.

import { make } from "./dom.js";
import { draw } from "./svg.js";

const NARROW = 560;
const THICK = 22;
const NUMBERS = 84;

/** Bars from one line on: one for each `{name, value, text}`. `label` says what they show. */
export const bars = (label, entries) => drawn((width) => rows(label, entries, width));

/** Columns beside each other, or bars where there is little room. */
export const columns = (label, entries) => drawn((width) => (width < NARROW ? rows(label, entries, width) : uprights(label, entries, width)));

/** One bar of two parts: so many of all, and the rest. */
export const parted = (label, count, all) =>
  drawn((width) => {
    const long = (count / all) * width;
    const rest = Math.max(0, width - long - 2);
    return picture(label, width, 34, [
      draw("rect", { class: "chart-bar", x: 0, y: 3, width: long, height: 28, rx: 5 }),
      draw("rect", { class: "chart-rest", x: width - rest, y: 3, width: rest, height: 28, rx: 5 }),
    ]);
  });

/** A table whose first column names its rows; a row is `[name, ...figures]`. */
export function table(caption, headings, entries) {
  const head = headings.map((name, place) => make("th", { scope: "col", class: place ? "figure" : undefined }, name));
  const row = ([name, ...figures]) => make("tr", {}, make("th", { scope: "row" }, name), figures.map((one) => make("td", { class: "figure" }, one)));
  return make("div", { class: "table" }, make("table", {}, make("caption", {}, caption), make("thead", {}, make("tr", {}, head)), make("tbody", {}, entries.map(row))));
}

function drawn(chart) {
  const holder = make("div", { class: "chart" });
  let width = 0;
  new ResizeObserver(() => {
    if (holder.clientWidth === width) return;
    width = holder.clientWidth;
    if (width) holder.replaceChildren(chart(width));
  }).observe(holder);
  return holder;
}

const picture = (label, width, height, shapes) => draw("svg", { role: "img", "aria-label": label, viewBox: `0 0 ${width} ${height}`, width: "100%" }, ...shapes);

const highest = (entries) => Math.max(...entries.map(({ value }) => value)) || 1;

function rows(label, entries, width) {
  const narrow = width < NARROW;
  const names = narrow ? 0 : Math.round(width * 0.4);
  const row = narrow ? 54 : 36;
  const room = width - names - NUMBERS;
  const most = highest(entries);
  const shapes = entries.flatMap(({ name, value, text }, place) => {
    const top = place * row + (narrow ? 26 : 6);
    return [
      draw("text", { class: "chart-name", x: 0, y: narrow ? top - 7 : top + 16 }, fitting(name, narrow ? width : names - 12)),
      draw("rect", { class: "chart-ground", x: names, y: top, width: room, height: THICK, rx: 4 }),
      draw("rect", { class: "chart-bar", x: names, y: top, width: value ? Math.max(3, (value / most) * room) : 0, height: THICK, rx: 4 }),
      draw("text", { class: "chart-number", x: names + room + 10, y: top + 16 }, text),
    ];
  });
  return picture(label, width, entries.length * row + 4, shapes);
}

function uprights(label, entries, width) {
  const [height, top, bottom] = [240, 30, 36];
  const step = width / entries.length;
  const thick = Math.min(96, step * 0.64);
  const most = highest(entries);
  const shapes = entries.flatMap(({ name, value, text }, place) => {
    const middle = step * (place + 0.5);
    const tall = (value / most) * (height - top - bottom);
    return [
      draw("rect", { class: "chart-bar", x: middle - thick / 2, y: height - bottom - tall, width: thick, height: tall, rx: 3 }),
      draw("text", { class: "chart-number", x: middle, y: height - bottom - tall - 9, "text-anchor": "middle" }, text),
      draw("text", { class: "chart-name", x: middle, y: height - 10, "text-anchor": "middle" }, name),
    ];
  });
  const axis = draw("line", { class: "chart-axis", x1: 0, x2: width, y1: height - bottom + 0.5, y2: height - bottom + 0.5 });
  return picture(label, width, height, [...shapes, axis]);
}

/** As much of a text as has room: the table has all of it. Chinese characters are about twice as wide. */
function fitting(text, width) {
  let used = 0;
  for (let place = 0; place < text.length; place += 1) {
    used += text.charCodeAt(place) > 0x2e80 ? 15 : 7.6;
    if (used > width) return `${text.slice(0, Math.max(1, place - 1))}…`;
  }
  return text;
}
