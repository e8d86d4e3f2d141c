// Tables whose rows become blocks on a narrow screen, each cell with the name of its column.

import { make } from "./dom.js";

/** A table with a heading for each column and for each row; an empty cell stays out of a block. */
export function stacked(caption, columns, rows) {
  const heads = columns.map((name) => make("th", { scope: "col", role: "columnheader" }, name));
  const body = rows.map(([first, ...cells]) =>
    make(
      "tr",
      { role: "row" },
      make("th", { scope: "row", role: "rowheader" }, first),
      cells.map((cell, place) => make("td", { role: "cell", "data-label": cell === "" ? undefined : columns[place + 1] }, cell)),
    ),
  );
  return make(
    "div",
    { class: "table" },
    make(
      "table",
      { class: "stacked", role: "table" },
      make("caption", { class: "hidden" }, caption),
      make("thead", { role: "rowgroup" }, make("tr", { role: "row" }, heads)),
      make("tbody", { role: "rowgroup" }, body),
    ),
  );
}
