/** A backtest of the model on a history, session by session, through the service's batch route. */

import { postJson } from "./api_client.js";

const WINDOWS = 400;
const AT_ONCE = 2;

/**
 * Forecast every session that has enough before it. Returns columns by row of the history, null
 * where there is no forecast; `progress` is told the share that is done. Ends with `signal`.
 */
export async function runBacktest(history, model, { signal, progress }) {
  const { fields, bars, target } = history.columnsFor(model);
  const rows = history.length;
  const result = {
    first: model.window,
    target,
    predictions: new Array(rows).fill(null),
    naive: new Array(rows).fill(null),
    intervals: new Map(),
    errors: [],
    warnings: [],
    request: null,
    version: model.version,
  };
  // each number is in as many windows as the model looks back on, and written once
  const written = fields.map((field) => history.bars[field].map(String));
  const starts = [];
  for (let row = model.window; row < rows; row += WINDOWS) starts.push(row);
  let done = 0;
  const worker = async () => {
    while (starts.length) {
      const start = starts.shift();
      const end = Math.min(start + WINDOWS, rows);
      const body = bodyOf(model, fields, bars, written, start, end);
      const { answer, request } = await postJson("predict/batch", body, {
        signal,
        what: `${end - start} windows, sessions ${start + 1} to ${end}`,
      });
      collect(result, answer, start);
      result.request = request;
      done += end - start;
      progress(done / (rows - model.window));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return result;
}

function bodyOf(model, fields, bars, written, start, end) {
  const windows = [];
  for (let row = start; row < end; row += 1) {
    const columns = written.map((column) => `[${column.slice(row - model.window, row).join()}]`);
    windows.push(bars ? `{${columns.map((column, at) => `"${fields[at]}":${column}`).join()}}` : columns[0]);
  }
  const question = `"model":${JSON.stringify(model.name)},"version":${model.version}`;
  return `{${question},"${bars ? "bars" : "windows"}":[${windows.join()}]}`;
}

function collect(result, answer, start) {
  const rows = result.predictions.length;
  for (const level of Object.keys(answer.intervals)) {
    if (!result.intervals.has(level)) {
      result.intervals.set(level, { low: new Array(rows).fill(null), high: new Array(rows).fill(null) });
    }
  }
  answer.predictions.forEach((prediction, at) => {
    result.predictions[start + at] = prediction;
    result.naive[start + at] = answer.last_prices[at];
    for (const [level, { low, high }] of Object.entries(answer.intervals)) {
      const column = result.intervals.get(level);
      column.low[start + at] = low[at];
      column.high[start + at] = high[at];
    }
  });
  result.errors.push(...answer.errors.map((error) => ({ ...error, row: start + error.index })));
  for (const warning of answer.warnings) {
    const isNew = !result.warnings.some(({ code }) => code === warning.code);
    if (warning.index === null && isNew) result.warnings.push(warning);
  }
}
