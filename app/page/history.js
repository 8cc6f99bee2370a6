/** The prices of one instrument, oldest first, as the service read them. */

import { Refused } from "./api_client.js";

const FIELDS = ["open", "high", "low", "close"];

/** What a forecast can be adapted by, and a little more: older sessions change no answer. */
const NEWEST = 1500;

export class History {
  /** `table` is an answer of `POST /bars`. */
  constructor(name, table) {
    this.name = name;
    this.dates = table.dates;
    this.bars = table.bars;
    this.lines = table.lines;
    this.warnings = table.warnings;
    this.readAs = table.read_as;
    this.length = table.lines.length;
  }

  get hasBars() {
    return FIELDS.every((field) => field in this.bars);
  }

  /** What a row of what the user gave is called. */
  get unit() {
    return this.readAs.encoding === "JSON" ? "record" : "line";
  }

  /** Whether another reading has the same sessions and prices: not where it had another calendar. */
  isAs(other) {
    const held = ({ dates, bars, lines }) => JSON.stringify([dates, bars, lines]);
    return held(this) === held(other);
  }

  /** Whether every date is after the one before, as a chart's time must be. */
  get isDated() {
    return Boolean(this.dates) && this.dates.every((day, row) => row === 0 || this.dates[row - 1] < day);
  }

  /** The column that a model would be asked about, and whether all four go along. */
  columnsFor(model) {
    if (model.fields.length === FIELDS.length && this.hasBars) {
      return { fields: FIELDS, bars: true, target: this.bars[model.target] };
    }
    if (model.target in this.bars) {
      return { fields: [model.target], bars: false, target: this.bars[model.target] };
    }
    const only = Object.keys(this.bars);
    // one column of numbers may be of whatever the model forecasts
    if (only.length === 1) return { fields: only, bars: false, target: this.bars[only[0]] };
    throw new Refused(
      `The model “${model.name}” forecasts the ${model.target}, and these prices have ${only.join(", ")} only. Choose another model, or add the column.`,
    );
  }

  /** The body for `/predict`, and the row that its first one is here. */
  question(model, calendar) {
    const columns = this.columnsFor(model);
    const first = Math.max(0, this.length - NEWEST);
    const body = { model: model.name };
    if (columns.bars) {
      body.bars = Object.fromEntries(FIELDS.map((field) => [field, this.bars[field].slice(first)]));
    } else {
      body.prices = columns.target.slice(first);
    }
    if (this.dates) body.dates = this.dates.slice(first);
    if (calendar) body.calendar = calendar;
    return { body, first, target: columns.target };
  }

  /** Where a row is in what the user gave. */
  place(row) {
    const line = `${this.unit} ${this.lines[row]}`;
    return this.dates ? `${this.dates[row]}, ${line}` : line;
  }
}
