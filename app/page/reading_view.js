/** How a file was read: which column is what, and what was left out; below the name of the file. */

import { byId, make } from "./dom.js";
import { many } from "./format.js";

const ROLES = {
  date: "date",
  time: "time of day",
  open: "open",
  high: "high",
  low: "low",
  close: "close",
  adjusted: "adjusted close",
  volume: "volume",
  instrument: "instrument",
};
const DELIMITERS = { comma: "commas", semicolon: "semicolons", tab: "tabs", bar: "bars" };

/** Show the `read_as` of an answer of `/bars`; `unit` is what its rows are called. */
export function showReading(readAs, unit) {
  byId("reading").hidden = false;
  byId("reading-brief").textContent = brief(readAs, unit);
  byId("reading-list").replaceChildren(
    ...rows(readAs, unit)
      .filter(([, value]) => value)
      .map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))),
  );
}

function brief({ columns, date_form: form, decimal, instrument, left_out: leftOut }, unit) {
  const prices = ["open", "high", "low", "close", "adjusted"].filter((role) => role in columns);
  return [
    `${prices.map((role) => ROLES[role]).join(", ")}${instrument ? ` of ${instrument}` : ""}`,
    form ? `dates like ${form}` : "no dates",
    `decimal ${decimal}`,
    leftOut.length ? `${many(leftOut.length, unit)} left out` : null,
  ]
    .filter(Boolean)
    .join("; ");
}

function rows(readAs, unit) {
  const { columns, unused, left_out: leftOut } = readAs;
  const found = Object.keys(ROLES).filter((role) => role in columns);
  return [
    ["Columns", found.map((role) => `${ROLES[role]} from ${named(columns[role])}`).join(", ")],
    ["Not read", unused.map(named).join(", ")],
    ["Instrument", readAs.instrument],
    [
      "Dates",
      readAs.date_form ? `like ${readAs.date_form}` : "none: the prices were taken as oldest first",
    ],
    ["Numbers", `with a decimal ${readAs.decimal}`],
    ["File", file(readAs)],
    ["Left out", leftOut.map(({ line, reason }) => `${unit} ${line}: ${reason}`).join("; ")],
  ];
}

function named(head) {
  return head ? `“${head}”` : "a column without a name";
}

function file({ encoding, delimiter, header }) {
  if (encoding === "JSON") return "JSON";
  return [
    encoding,
    delimiter in DELIMITERS ? `cells separated by ${DELIMITERS[delimiter]}` : null,
    header === null ? "no header" : `header in line ${header}`,
  ]
    .filter(Boolean)
    .join(", ");
}
