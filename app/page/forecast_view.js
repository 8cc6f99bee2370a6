/** The tab of the next session's forecast: its chart, its numbers, and what to know of it. */

import { FAN_PX, Fan } from "./chart_overlays.js";
import { byId, make } from "./dom.js";
import { compared, count, day, decimalsOf, many, percent, price, signedPercent } from "./format.js";
import { PriceChart } from "./price_chart.js";
import { copyButton } from "./requests_view.js";

/** A skill that nobody would trade on. */
const LITTLE = 0.01;

let drawn = null;

/** Show an answer of `/predict`; `question` is what was asked, as `History.question` makes it. */
export function showForecast(history, question, answer, request, calendar) {
  byId("forecast-empty").hidden = true;
  byId("forecast").hidden = false;
  byId("figures").replaceChildren(...figures(answer, request, calendar));
  byId("warnings").replaceChildren(...warnings(history, question, answer));
  draw(history, question, answer);
}

export function clearForecast() {
  drawn?.remove();
  drawn = null;
  byId("forecast").hidden = true;
  byId("forecast-empty").hidden = false;
}

function draw(history, question, answer) {
  drawn?.remove();
  const container = byId("forecast-chart");
  const write = writer(answer);
  drawn = new PriceChart(container, byId("forecast-ranges"), history, question.target, {
    next: answer.forecast_date,
    candles: answer.target === "close",
    space: FAN_PX,
  });
  drawn.attach(
    new Fan(drawn, {
      row: history.length - 1,
      last: answer.last_price,
      prediction: answer.prediction,
      intervals: answer.intervals,
      write,
    }),
  );
  const chart = drawn;
  const naive = chart.series.createPriceLine({
    price: answer.naive,
    color: chart.colours.naive,
    lineStyle: 2,
    lineWidth: 1,
    title: "",
  });
  chart.onRecolour(() => naive.applyOptions({ color: chart.colours.naive }));
  const spans = answer.intervals.map(
    ({ level, low, high }) => `${level} % between ${write(low)} and ${write(high)}`,
  );
  container.setAttribute(
    "aria-label",
    `${history.hasBars ? "Candles" : "A line"} of ${many(history.length, "session")}, and the forecast of the next: ${[write(answer.prediction), ...spans].join(", ")}; naive ${write(answer.naive)}.`,
  );
}

function writer(answer) {
  const decimals = decimalsOf(answer.last_price);
  return (value) => price(value, decimals);
}

function figures(answer, request, calendar) {
  const write = writer(answer);
  const { forecast_date: date, target, last_price: last, prediction } = answer;
  const rows = [
    ["Naive: tomorrow = today", write(answer.naive), ""],
    ...answer.intervals.map(({ level, low, high }) => [
      `${level} % interval`,
      `${write(low)} – ${write(high)}`,
      `${signedPercent(low / last - 1)} to ${signedPercent(high / last - 1)}`,
    ]),
  ];
  return [
    make("h3", {}, date ? day(date) : "The next session"),
    date ? null : make("p", { class: "hint" }, undated(answer, calendar)),
    make(
      "p",
      { class: "prediction" },
      make("strong", { id: "prediction" }, write(prediction)),
      make("span", {}, `${target}, ${signedPercent(prediction / last - 1)} on ${write(last)}`),
    ),
    make(
      "dl",
      {},
      ...rows.map(([name, value, note]) =>
        make("div", {}, make("dt", {}, name), make("dd", {}, value, note ? make("small", {}, note) : null)),
      ),
    ),
    ...meaning(answer, write).map((text) => make("p", {}, text)),
    copyButton(request, "Copy this forecast as curl"),
  ].filter(Boolean);
}

function undated(answer, calendar) {
  if (!calendar) return "Choose a calendar, and its day is named here, where the prices have dates.";
  return answer.warnings.some(({ code }) => code === "no_dates")
    ? "The prices have no dates, so that its day cannot be told."
    : "The calendar does not know which day comes next.";
}

function meaning(answer, write) {
  const said = answer.intervals.map(
    ({ level, low, high }) =>
      `of 100 such sessions about ${level} should close from ${write(low)} to ${write(high)}`,
  );
  const texts = said.length
    ? [
        `${capital(said.join(", and "))}.`.replaceAll(
          "close",
          answer.target === "close" ? "close" : `have their ${answer.target}`,
        ),
      ]
    : ["This model gives a point, and no intervals."];
  const { calibration, skill } = answer;
  if (calibration?.method === "history") {
    const held = answer.intervals
      .filter(({ coverage }) => coverage !== null)
      .map(({ level, coverage }) => `${percent(coverage)} by the ${level} % interval`);
    texts.push(
      `The intervals are adapted to these prices by their last ${count(calibration.sessions)} sessions${held.length ? `, of which they would have held ${held.join(" and ")}` : ""}.`,
    );
  }
  const worth = skill.mae_skill_vs_naive;
  texts.push(
    `Measured on ${many(skill.forecasts, "forecast")} of sessions that it had not seen, the model is ${compared(worth)} “tomorrow = today” by mean absolute error.${answer.intervals.length && Math.abs(worth) < LITTLE ? " What it adds is how far the price may go." : ""}`,
  );
  if (answer.novelty !== null) {
    texts.push(
      `Novelty ${answer.novelty.toFixed(2)}: ${percent(answer.novelty, 0)} of the windows that it was fitted on were less unusual than this one.`,
    );
  }
  return texts;
}

function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Show names of parameters, which messages have in backquotes, as such. */
function marked(text) {
  return text.split("`").map((part, at) => (at % 2 ? make("code", {}, part) : part));
}

/** Say where a row is, and its day once. */
function placed(history, row, message) {
  const day = history.dates?.[row];
  return day && message.includes(day)
    ? `${history.unit} ${history.lines[row]}: ${message}`
    : `${history.place(row)}: ${message}`;
}

function warnings(history, question, answer) {
  const ofForecast = answer.warnings.map(({ code, message, row }) => ({
    code,
    message: row === null ? message : placed(history, question.first + row, message),
  }));
  const all = [...history.warnings, ...ofForecast];
  if (
    answer.sessions_missing &&
    !all.some(({ code }) => code === "sessions_missing" || code === "missing_session")
  ) {
    all.push({
      code: "sessions_missing",
      message: `${many(answer.sessions_missing, "session")} of the calendar are not in these prices`,
    });
  }
  if (!all.length) return [make("p", { class: "fine" }, "Nothing in these prices looks damaged.")];
  return [
    make("h3", {}, "Worth knowing"),
    make(
      "ul",
      {},
      ...all.map(({ code, message }) =>
        make("li", {}, ...marked(`${capital(message)}. `), make("code", {}, code)),
      ),
    ),
  ];
}
