// The temperatures of a pack's way: a chart of each logger's, and a table of the same figures.

import { code, icon, locale, make, say } from "./dom.js";
import { draw } from "./svg.js";

const HEIGHT = 280;
const EDGE = { top: 34, right: 14, bottom: 46, left: 58 };
const TICK_WIDTH = 120;
const LABEL_WIDTH = 46;
const WORDS_WIDTH = 170;

const degrees = new Intl.NumberFormat(locale, { style: "unit", unit: "celsius", maximumFractionDigits: 2 });
const rounded = new Intl.NumberFormat(locale, { style: "unit", unit: "celsius", maximumFractionDigits: 1 });
/** A temperature of hundredths of a degree. */
export const celsius = (hundredths) => degrees.format(hundredths / 100);
const day = new Intl.DateTimeFormat(locale, { month: "short", day: "numeric" });
const clock = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" });
const span = new Intl.DateTimeFormat(locale, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });

/** A panel with all that was measured, or that nothing was. */
export function coldChain(windows) {
  const panel = make("div", { class: "panel" }, make("h2", {}, say("cold.heading")));
  if (!windows.length) panel.append(make("p", {}, say("cold.none")));
  else panel.append(summary(windows), ...byDevice(windows).flatMap(([device, own], number, all) => told(device, own, number, all.length)));
  return panel;
}

function byDevice(windows) {
  const found = new Map();
  for (const one of windows) found.set(one.device, [...(found.get(one.device) ?? []), one]);
  return [...found];
}

function summary(windows) {
  const count = windows.filter((one) => one.excursion).length;
  const words = count ? say("cold.bad", { count, all: windows.length }) : say("cold.all_good");
  return make("p", { class: count ? "chart-sum chart-sum-bad" : "chart-sum" }, icon(count ? "warn" : "ok"), make("span", {}, words));
}

function told(device, windows, number, loggers) {
  const limits = new Set(windows.map(({ permitted: { lowest_centidegrees, highest_centidegrees, highest_mean_centidegrees } }) =>
    say("cold.permitted", { lowest: celsius(lowest_centidegrees), highest: celsius(highest_centidegrees), mean: celsius(highest_mean_centidegrees) }),
  ));
  const heading = loggers > 1 ? make("h3", {}, say("cold.logger", { device: "" }), code(`${device.slice(0, 10)}…`)) : null;
  const holder = make("div", { class: "chart" });
  let width = 0;
  new ResizeObserver(() => {
    if (holder.clientWidth === width) return;
    width = holder.clientWidth;
    if (width) holder.replaceChildren(chart(windows, width, number));
  }).observe(holder);
  const sentences = [...limits].map((words) => make("p", { class: "small" }, words));
  return [heading, ...sentences, make("figure", {}, holder, legend(windows, number)), table(windows)].filter((one) => one);
}

// ---------------------------------------------------------------------- the chart

const hatch = (id) =>
  draw("defs", {}, draw("pattern", { id, width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
    draw("rect", { class: "chart-hatch-ground", width: 6, height: 6 }), draw("line", { class: "chart-hatch", x1: 0, y1: 0, x2: 0, y2: 6 })));

/** Steps of 1, 2 or 5 times a power of ten, about five of them. */
function step(range) {
  const rough = 10 ** Math.floor(Math.log10(range / 5));
  return [1, 2, 5, 10].map((times) => times * rough).find((one) => range / one <= 6);
}

function scales(windows, width) {
  const measured = windows.filter((one) => one.has_readings);
  const low = Math.min(...windows.map((one) => one.permitted.lowest_centidegrees), ...measured.map((one) => one.lowest_centidegrees));
  const high = Math.max(...windows.map((one) => one.permitted.highest_centidegrees), ...measured.map((one) => one.highest_centidegrees));
  const room = Math.max(100, (high - low) * 0.12);
  const [bottom, top] = [low - room, high + room];
  const start = Math.min(...windows.map((one) => one.window_start));
  const end = Math.max(...windows.map((one) => one.window_end));
  const right = width - EDGE.right;
  const base = HEIGHT - EDGE.bottom;
  return {
    ...{ bottom, top, start, end, right, base },
    x: (seconds) => EDGE.left + ((seconds - start) / (end - start)) * (right - EDGE.left),
    y: (hundredths) => base - ((hundredths - bottom) / (top - bottom)) * (base - EDGE.top),
  };
}

function chart(windows, width, number) {
  const scale = scales(windows, width);
  const id = `hatch-${number}`;
  const size = { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT };
  return draw("svg", { ...size, role: "img", "aria-label": say("cold.chart") }, hatch(id), ...bands(windows, scale), ...grid(scale), ...windows.map((one) => bar(one, scale, id)));
}

/** The permitted range of each stretch of time with the same limits, up to the next. */
function bands(windows, { x, y, right }) {
  const found = [];
  for (const { permitted, window_start: start } of windows) {
    const last = found.at(-1);
    if (last && JSON.stringify(last.permitted) === JSON.stringify(permitted)) continue;
    found.push({ permitted, left: found.length ? x(start) : EDGE.left });
  }
  return found.flatMap(({ permitted, left }, place) => {
    const until = found[place + 1]?.left ?? right;
    const [top, low] = [y(permitted.highest_centidegrees), y(permitted.lowest_centidegrees)];
    const edge = (at) => draw("line", { class: "chart-limit", x1: left, x2: until, y1: at, y2: at });
    return [draw("rect", { class: "chart-band", x: left, y: top, width: until - left, height: low - top }), edge(top), edge(low)];
  });
}

function grid({ bottom, top, start, end, right, base, x, y }) {
  const lines = [];
  const every = step((top - bottom) / 100) * 100;
  for (let at = Math.ceil(bottom / every) * every; at <= top; at += every) {
    lines.push(draw("line", { class: "chart-grid", x1: EDGE.left, x2: right, y1: y(at), y2: y(at) }));
    lines.push(draw("text", { class: "chart-text", x: EDGE.left - 8, y: y(at) + 4, "text-anchor": "end" }, rounded.format(at / 100)));
  }
  const count = Math.max(1, Math.min(6, Math.floor((right - EDGE.left) / TICK_WIDTH)));
  for (let tick = 0; tick <= count; tick++) {
    const at = start + ((end - start) * tick) / count;
    const anchor = tick === 0 ? "start" : tick === count ? "end" : "middle";
    const date = new Date(at * 1000);
    lines.push(draw("line", { class: "chart-tick", x1: x(at), x2: x(at), y1: base, y2: base + 5 }));
    lines.push(draw("text", { class: "chart-text", x: x(at), y: base + 20, "text-anchor": anchor }, clock.format(date)));
    lines.push(draw("text", { class: "chart-text chart-soft", x: x(at), y: base + 36, "text-anchor": anchor }, day.format(date)));
  }
  return [...lines, draw("line", { class: "chart-axis", x1: EDGE.left, x2: right, y1: base, y2: base })];
}

function bar(one, { x, y, base }, id) {
  const left = x(one.window_start) + 1;
  const width = Math.max(2, x(one.window_end) - left - 1);
  const middle = left + width / 2;
  if (!one.has_readings) {
    const gap = draw("rect", { class: "chart-gap", x: left, y: EDGE.top, width, height: base - EDGE.top });
    const words = width < WORDS_WIDTH ? "?" : `? ${say("cold.no_readings")}`;
    return draw("g", {}, gap, draw("text", { class: "chart-sign", x: middle, y: EDGE.top + 24, "text-anchor": "middle" }, words));
  }
  const top = y(one.highest_centidegrees);
  const height = Math.max(3, y(one.lowest_centidegrees) - top);
  const mean = y(one.mean_centidegrees);
  const box = { x: left, y: top, width, height, rx: 3 };
  const shapes = one.excursion
    ? [draw("rect", { ...box, class: "chart-bad", fill: `url(#${id})` }), sign(middle, top - 6), ...label(one, middle, top - 24, width)]
    : [draw("rect", { ...box, class: "chart-good" })];
  return draw("g", {}, ...shapes, draw("line", { class: "chart-mean", x1: left, x2: left + width, y1: mean, y2: mean }));
}

/** A triangle with its foot at a place. */
const sign = (x, foot) => draw("path", { class: "chart-mark", d: `M${x - 7} ${foot}h14l-7 -13z` });

function label(one, x, y, width) {
  if (width < LABEL_WIDTH) return [];
  const name = judged(one);
  const told = { too_cold: one.lowest_centidegrees, mean_too_high: one.mean_centidegrees }[name] ?? one.highest_centidegrees;
  const figure = rounded.format(told / 100);
  const words = width < WORDS_WIDTH ? figure : `${say(`cold.${name}`)} · ${figure}`;
  return [draw("text", { class: "chart-text chart-strong", x, y, "text-anchor": "middle" }, words)];
}

function legend(windows, number) {
  const swatch = (...shapes) => draw("svg", { class: "swatch", viewBox: "0 0 28 18", width: 28, height: 18, "aria-hidden": "true" }, ...shapes);
  const box = { x: 1, y: 2, width: 26, height: 14, rx: 3 };
  const items = [
    ["band", swatch(draw("rect", { x: 0, y: 3, width: 28, height: 12, class: "chart-band" }), draw("line", { class: "chart-limit", x1: 0, x2: 28, y1: 3, y2: 3 }), draw("line", { class: "chart-limit", x1: 0, x2: 28, y1: 15, y2: 15 }))],
    ["range", swatch(draw("rect", { ...box, class: "chart-good" }), draw("line", { class: "chart-mean", x1: 1, x2: 27, y1: 9, y2: 9 }))],
  ];
  if (windows.some((one) => one.excursion && one.has_readings))
    items.push(["excursion", swatch(draw("rect", { x: 13, y: 2, width: 14, height: 14, rx: 3, class: "chart-bad", fill: `url(#hatch-${number})` }), draw("path", { class: "chart-mark", d: "M0 15h12l-6 -12z" }))]);
  if (windows.some((one) => !one.has_readings))
    items.push(["no_readings", swatch(draw("rect", { ...box, class: "chart-gap" }), draw("text", { class: "chart-sign", x: 14, y: 14, "text-anchor": "middle" }, "?"))]);
  return make("figcaption", {}, make("ul", { class: "legend" }, items.map(([name, picture]) => make("li", {}, picture, say(`cold.${name}`)))));
}

// ---------------------------------------------------------------------- the table

const isCold = (one) => one.lowest_centidegrees < one.permitted.lowest_centidegrees;
const isWarm = (one) => one.highest_centidegrees > one.permitted.highest_centidegrees;

function judged(one) {
  if (!one.excursion) return "ok";
  if (!one.has_readings) return "no_readings";
  if (isCold(one)) return isWarm(one) ? "warm_and_cold" : "too_cold";
  return isWarm(one) ? "too_warm" : "mean_too_high";
}

function table(windows) {
  const columns = ["when", "range_column", "mean", "result"].map((name) => make("th", { scope: "col" }, say(`cold.${name}`)));
  return make(
    "div",
    { class: "table" },
    make("table", {}, make("caption", {}, say("cold.table")), make("thead", {}, make("tr", {}, columns)), make("tbody", {}, windows.map(row))),
  );
}

function row(one) {
  const when = span.formatRange(new Date(one.window_start * 1000), new Date(one.window_end * 1000));
  const name = judged(one);
  const verdict = make("span", { class: name === "ok" ? "judged" : "judged judged-bad" }, icon(name === "ok" ? "ok" : "warn"), make("span", {}, say(`cold.${name}`)));
  const figures = one.has_readings
    ? [say("cold.to", { lowest: celsius(one.lowest_centidegrees), highest: celsius(one.highest_centidegrees) }), celsius(one.mean_centidegrees)]
    : ["–", "–"];
  return make("tr", {}, make("th", { scope: "row" }, when), figures.map((text) => make("td", {}, text)), make("td", {}, verdict));
}
