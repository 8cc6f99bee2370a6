/** How a file was read: which column is what, and what was left out; below the name of the file. */

import { byId, make } from "./dom.js";
import { many } from "./format.js";

const PRICES = ["open", "high", "low", "close", "adjusted"];
const ROLES = ["date", "time", ...PRICES, "volume", "instrument"];

/** Show the `read_as` of an answer of `/bars`; `unit` is what its rows are called. */
export function showReading(read, unit) {
  const { columns, unused, instrument, date_form: form, decimal, left_out: leftOut } = read;
  const has = (role) => role in columns;
  const brief = [
    PRICES.filter(has).join(", ") + (instrument ? ` of ${instrument}` : ""),
    form ? `dates like ${form}` : "no dates",
    `decimal ${decimal}`,
    leftOut.length ? `${many(leftOut.length, unit)} left out` : "",
  ];
  const rows = [
    ["Columns", ROLES.filter(has).map((role) => `${role} from ${named(columns[role])}`)],
    ["Not read", unused.map(named)],
    ["File", read.encoding === "JSON" ? ["JSON"] : file(read)],
    ["Left out", leftOut.map(({ line, reason }) => `${unit} ${line}: ${reason}`)],
  ];
  byId("reading").hidden = false;
  byId("reading-brief").textContent = brief.filter(Boolean).join("; ");
  byId("reading-list").replaceChildren(
    ...rows
      .map(([name, values]) => [name, values.filter(Boolean).join(", ")])
      .filter(([, text]) => text)
      .map(([name, text]) => make("div", {}, make("dt", {}, name), make("dd", {}, text))),
  );
}

function named(head) {
  return head ? `“${head}”` : "a column without a name";
}

function file({ encoding, delimiter, header }) {
  return [
    encoding,
    delimiter === "none" ? "" : `${delimiter}s between cells`,
    header ? `header in line ${header}` : "no header",
  ];
}
