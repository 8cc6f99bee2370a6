/** A model's card: the little Markdown that cards are written in, made of elements only. */

import { make } from "./dom.js";

const DEEPEST = 6;
const TOP = 4;

/** Make elements of a card. What is not understood is shown as it is written. */
export function render(text) {
  const lines = text.replaceAll("\r", "").split("\n");
  const made = [];
  for (let at = 0; at < lines.length;) {
    const [element, next] = block(lines, at);
    if (element) made.push(element);
    at = next;
  }
  return made;
}

function block(lines, at) {
  const line = lines[at];
  if (!line.trim()) return [null, at + 1];
  const heading = /^(#{1,6})\s+(.*)$/.exec(line);
  if (heading) {
    const level = Math.min(DEEPEST, heading[1].length + TOP - 1);
    return [make(`h${level}`, {}, ...inline(heading[2])), at + 1];
  }
  if (line.startsWith("```")) {
    let end = at + 1;
    while (end < lines.length && !lines[end].startsWith("```")) end += 1;
    return [make("pre", { tabindex: "0" }, lines.slice(at + 1, end).join("\n")), end + 1];
  }
  if (/^\|.*\|\s*$/.test(line) && /^\|[\s:|-]+\|\s*$/.test(lines[at + 1] ?? "")) return rows(lines, at);
  const bullet = /^\s*(?:[-*]|\d+[.])\s+/;
  if (bullet.test(line)) return list(lines, at, bullet);
  let end = at + 1;
  while (
    end < lines.length &&
    lines[end].trim() &&
    !/^(#|```|\|)/.test(lines[end]) &&
    !bullet.test(lines[end])
  )
    end += 1;
  return [make("p", {}, ...inline(lines.slice(at, end).join(" "))), end];
}

function list(lines, at, bullet) {
  const items = [];
  let end = at;
  for (; end < lines.length && lines[end].trim(); end += 1) {
    if (bullet.test(lines[end])) items.push(lines[end].replace(bullet, ""));
    else items[items.length - 1] += ` ${lines[end].trim()}`;
  }
  const isNumbered = /^\s*\d/.test(lines[at]);
  return [make(isNumbered ? "ol" : "ul", {}, ...items.map((item) => make("li", {}, ...inline(item)))), end];
}

function rows(lines, at) {
  const cells = (line) =>
    line
      .trim()
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim());
  let end = at + 2;
  while (end < lines.length && lines[end].startsWith("|")) end += 1;
  const table = make(
    "table",
    {},
    make(
      "thead",
      {},
      make("tr", {}, ...cells(lines[at]).map((cell) => make("th", { scope: "col" }, ...inline(cell)))),
    ),
    make(
      "tbody",
      {},
      ...lines
        .slice(at + 2, end)
        .map((line) => make("tr", {}, ...cells(line).map((cell) => make("td", {}, ...inline(cell))))),
    ),
  );
  return [
    make(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": "A table of the card" },
      table,
    ),
    end,
  ];
}

/** Code, strong, emphasis and links; a link is one only where it leads to the web. */
function inline(text) {
  const made = [];
  const pattern = /`([^`]+)`|\*\*([^*]+)\*\*|\*([^*\s][^*]*)\*|\[([^\]]+)\]\(([^)\s]+)\)/g;
  let from = 0;
  for (const found of text.matchAll(pattern)) {
    made.push(text.slice(from, found.index));
    from = found.index + found[0].length;
    const [whole, code, strong, emphasis, label, address] = found;
    if (code !== undefined) made.push(make("code", {}, code));
    else if (strong !== undefined) made.push(make("strong", {}, strong));
    else if (emphasis !== undefined) made.push(make("em", {}, emphasis));
    else if (/^https?:\/\//.test(address)) made.push(make("a", { href: address, rel: "noreferrer" }, label));
    else made.push(whole);
  }
  made.push(text.slice(from));
  return made.filter((part) => part !== "");
}
