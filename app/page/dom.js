/** Elements of the document, made of text and never of markup. */

/** Find what the page is sure to hold. */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found;
}

/** Make an element; `attributes` are set as such, except `onclick`. */
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "onclick") element.addEventListener("click", value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Make a table, which scrolls by itself where it is too wide, and its explanation below. */
export function table(name, head, rows, explanation) {
  const cells = (row) =>
    row.map((cell, at) => (at ? make("td", {}, cell) : make("th", { scope: "row" }, cell)));
  return make(
    "div",
    { class: "table" },
    make(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": name },
      make(
        "table",
        { "aria-label": name },
        make(
          "thead",
          {},
          make("tr", {}, ...head.map((text) => (text ? make("th", { scope: "col" }, text) : make("td")))),
        ),
        make("tbody", {}, ...rows.map((row) => make("tr", {}, ...cells(row)))),
      ),
    ),
    make("p", { class: "hint" }, explanation),
  );
}
