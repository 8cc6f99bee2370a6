/** The tab of the backtest: its button, its scores in words and in a table, its chart. */

import { Refused, getJson } from "./api_client.js";
import { runBacktest } from "./backtest.js";
import { FEWEST, scoresOf } from "./backtest_scores.js";
import { Bands } from "./chart_overlays.js";
import { byId, make, table } from "./dom.js";
import { compared, count, many, percent, signedPercent } from "./format.js";
import { PriceChart } from "./price_chart.js";
import { copyButton } from "./requests_view.js";

let drawn = null;
let underWay = null;

/** Offer a backtest of what was chosen; forgets the last one. */
export function offerBacktest(history, model) {
  underWay?.abort();
  if (underWay) showProgress(false);
  underWay = null;
  drawn?.remove();
  drawn = null;
  byId("backtest").hidden = true;
  const sessions = history && model ? Math.max(0, history.length - model.window) : 0;
  byId("backtest-start").disabled = sessions === 0;
  byId("backtest-start").textContent = sessions
    ? `Backtest ${many(sessions, "session")}`
    : "Run the backtest";
  showStatus(
    history && model && !sessions
      ? `These are ${many(history.length, "session")}: the model looks back on ${model.window}, and needs one more to compare its forecast with.`
      : "",
  );
  if (!history) showStatus("Needs prices: drop a file, or choose an example.");
}

/** Run the backtest, show its progress, and then its scores. */
export async function startBacktest(history, model) {
  const began = performance.now();
  const mine = new AbortController();
  underWay = mine;
  showProgress(true);
  showStatus("");
  try {
    const [result, fitted] = await Promise.all([
      runBacktest(history, model, {
        signal: mine.signal,
        progress: (share) => {
          byId("backtest-progress").value = share;
        },
      }),
      lastFitted(model, mine.signal),
    ]);
    if (mine.signal.aborted) return;
    byId("backtest").hidden = false;
    showScores(history, model, result, fitted);
    draw(history, result);
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    showStatus(`${many(history.length - model.window, "forecast")} in ${seconds} s`);
  } catch (error) {
    mine.abort();
    if (underWay !== mine) return;
    if (error instanceof Refused) showStatus(error.message, true);
    else if (error.name === "AbortError") showStatus("Cancelled.");
    else throw error;
  } finally {
    if (underWay === mine) {
      underWay = null;
      showProgress(false);
    }
  }
}

export function cancelBacktest() {
  underWay?.abort();
}

function showProgress(isUnderWay) {
  const hadFocus = [byId("backtest-start"), byId("backtest-cancel")].includes(document.activeElement);
  byId("backtest-start").hidden = isUnderWay;
  byId("backtest-cancel").hidden = !isUnderWay;
  byId("backtest-progress").hidden = !isUnderWay;
  byId("backtest-progress").value = 0;
  // the button that had it is gone
  if (hadFocus) byId(isUnderWay ? "backtest-cancel" : "backtest-start").focus();
}

function showStatus(text, isError = false) {
  byId("backtest-status").textContent = text;
  byId("backtest-status").classList.toggle("wrong", isError);
}

async function lastFitted(model, signal) {
  const { answer } = await getJson(`models/${encodeURIComponent(model.name)}`, signal);
  return answer.manifest.trained_on?.last ?? null;
}

function showScores(history, model, result, fitted) {
  const all = scoresOf(result);
  if (!all) {
    const [error] = result.errors;
    byId("backtest-summary").replaceChildren(
      make("p", {}, `No session could be forecast${error ? `: ${error.message}` : ""}.`),
    );
    byId("backtest-table").replaceChildren();
    return;
  }
  const rows = [["All", all]];
  const after = fitted && history.isDated ? history.dates.findIndex((day) => day > fitted) : -1;
  const unseen = after > result.first ? scoresOf(result, after) : null;
  if (unseen) rows.push([`After ${fitted}`, unseen]);
  const judgesUnseen = unseen !== null && unseen.sessions >= FEWEST;
  const wasSeen =
    history.isDated && fitted !== null && !judgesUnseen && history.dates[result.first] <= fitted;
  byId("backtest-summary").replaceChildren(
    ...verdict(judgesUnseen ? unseen : all, { since: judgesUnseen ? fitted : null, wasSeen }),
    ...notes(history, result, fitted, after),
    copyButton(result.request, "Copy the last batch as curl"),
  );
  byId("backtest-table").replaceChildren(
    table(
      "Scores of the backtest",
      [
        "Sessions",
        "Forecasts",
        "Model",
        "Naive",
        "Better than naive by",
        ...all.coverage.map(({ level }) => `In ${level} %`),
      ],
      rows.map(([name, scores]) => [
        name,
        count(scores.sessions),
        percent(scores.mae / 100, 3),
        percent(scores.naiveMae / 100, 3),
        ranged(scores.skill, signedPercent),
        ...scores.coverage.map((coverage) => ranged(coverage, (value) => percent(value))),
      ]),
      "Mean absolute error in percent of the price before, by how much the model's is below the naive one, and the share of outcomes within the intervals. Below each: its 95 % range, by a block bootstrap, 1,000 resamples in blocks of 20 sessions.",
    ),
  );
}

function ranged({ value, low, high }, write) {
  return make("span", {}, write(value), make("small", {}, `${write(low)} to ${write(high)}`));
}

function verdict(scores, { since, wasSeen }) {
  const { skill, mae, naiveMae, coverage, sessions } = scores;
  const judged =
    sessions < FEWEST
      ? "Too few sessions to tell skill from luck."
      : skill.low > 0
        ? `The model was better than “tomorrow = today” by more than luck explains${wasSeen ? ", but on days that it was fitted on" : ""}.`
        : skill.high < 0
          ? "The model was worse than “tomorrow = today” by more than luck explains."
          : "No better and no worse than “tomorrow = today”: the difference may be luck.";
  const texts = [
    `${since ? `On the ${many(sessions, "session")} after ${since}, which it was not fitted on, its` : "Its"} forecast was off by ${percent(mae / 100, 3)} of the price on average, the naive one by ${percent(naiveMae / 100, 3)}: ${compared(skill.value)} “tomorrow = today”, with 95 % confidence between ${signedPercent(skill.low)} and ${signedPercent(skill.high)}.`,
  ];
  for (const { level, value, low, high } of coverage) {
    const share = level / 100;
    const kept =
      sessions < FEWEST
        ? "of too few to judge it by"
        : low > share
          ? "more than it should: it is wider than it needs to be"
          : high < share
            ? "less than it should: it is too narrow here"
            : "as much as it should, within luck";
    texts.push(`The ${level} % interval held ${percent(value)} of the outcomes, ${kept}.`);
  }
  return [make("p", { class: "verdict" }, judged), make("p", {}, texts.join(" "))];
}

function notes(history, result, fitted, after) {
  const texts = result.warnings.map(({ message }) => message);
  if (!history.isDated && fitted) {
    texts.push(
      `the prices have no dates: the model was fitted on sessions to ${fitted}, and what it had seen by then flatters it`,
    );
  } else if (fitted && after !== 0 && history.isDated) {
    const rows = (after < 0 ? history.length : after) - result.first;
    if (rows > 0)
      texts.push(
        `${many(rows, "of these sessions is", "of these sessions are")} no later than ${fitted}, and the model was fitted on sessions to that day, of this instrument or of others: that flatters it`,
      );
  }
  if (result.errors.length) {
    texts.push(
      `${many(result.errors.length, "session")} could not be forecast, the first (${history.place(result.errors[0].row)}) because: ${result.errors[0].message}`,
    );
  }
  if (result.intervals.size)
    texts.push(
      "the intervals are the model's own here; those of a single forecast are adapted to the history as well",
    );
  return texts.length
    ? [
        make(
          "ul",
          {},
          ...texts.map((text) => make("li", {}, `${text.charAt(0).toUpperCase()}${text.slice(1)}.`)),
        ),
      ]
    : [];
}

function draw(history, result) {
  drawn?.remove();
  const container = byId("backtest-chart");
  drawn = new PriceChart(container, byId("backtest-ranges"), history, result.target, {
    first: result.first,
    candles: false,
  });
  const levels = [...result.intervals.keys()].map(Number).sort((one, other) => other - one);
  const bands = levels.map((level, at) => {
    const { low, high } = result.intervals.get(String(level));
    return {
      low: low.slice(result.first),
      high: high.slice(result.first),
      colour: at === 0 && levels.length > 1 ? "fan95" : "fan80",
    };
  });
  drawn.attach(new Bands(drawn, bands, result.target.slice(result.first)));
  container.setAttribute(
    "aria-label",
    `A line of ${many(history.length - result.first, "session")}, within the intervals that were forecast the evening before. The table above has the figures.`,
  );
}
