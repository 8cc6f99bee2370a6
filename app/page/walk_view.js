/** The tab that walks a model through a history: its button, its scores in words, its chart. */

import { Bands } from "./bands.js";
import { byId, make, table } from "./elements.js";
import { PriceChart } from "./price_chart.js";
import { copyButton } from "./requests_view.js";
import { Refused, getJson } from "./service.js";
import { walk } from "./walk.js";
import { FEWEST, scoresOf } from "./walk_scores.js";
import { count, many, percent } from "./words.js";

let drawn = null;
let underWay = null;

/** Say what there is to walk through; forgets the last walk. */
export function offerWalk(history, model) {
  underWay?.abort();
  if (underWay) show(false);
  underWay = null;
  drawn?.remove();
  drawn = null;
  byId("walk").hidden = true;
  const sessions = history && model ? Math.max(0, history.length - model.window) : 0;
  byId("walk-start").disabled = sessions === 0;
  byId("walk-start").textContent = sessions ? `Walk through ${many(sessions, "session")}` : "Walk";
  say(
    history && model && !sessions
      ? `These are ${many(history.length, "session")}: the model looks back on ${model.window}, and needs one more to be held against.`
      : "",
  );
  if (!history) say("Needs prices: drop a file, or choose an example.");
}

/** Walk, show how it goes, and then how it went. */
export async function startWalk(history, model) {
  const began = performance.now();
  const going = new AbortController();
  underWay = going;
  show(true);
  say("");
  try {
    const [walked, fitted] = await Promise.all([
      walk(history, model, {
        signal: going.signal,
        progress: (share) => {
          byId("walk-progress").value = share;
        },
      }),
      lastFitted(model, going.signal),
    ]);
    if (going.signal.aborted) return;
    byId("walk").hidden = false;
    tell(history, model, walked, fitted);
    draw(history, walked);
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    say(`${many(history.length - model.window, "forecast")} in ${seconds} s`);
  } catch (error) {
    going.abort();
    if (underWay !== going) return;
    if (error instanceof Refused) say(error.message, true);
    else if (error.name === "AbortError") say("Cancelled.");
    else throw error;
  } finally {
    if (underWay === going) {
      underWay = null;
      show(false);
    }
  }
}

export function cancelWalk() {
  underWay?.abort();
}

function show(isUnderWay) {
  const hadFocus = [byId("walk-start"), byId("walk-cancel")].includes(document.activeElement);
  byId("walk-start").hidden = isUnderWay;
  byId("walk-cancel").hidden = !isUnderWay;
  byId("walk-progress").hidden = !isUnderWay;
  byId("walk-progress").value = 0;
  // the button that had it is gone
  if (hadFocus) byId(isUnderWay ? "walk-cancel" : "walk-start").focus();
}

function say(text, isError = false) {
  byId("walk-status").textContent = text;
  byId("walk-status").classList.toggle("wrong", isError);
}

async function lastFitted(model, signal) {
  const { answer } = await getJson(`models/${encodeURIComponent(model.name)}`, signal);
  return answer.manifest.trained_on?.last ?? null;
}

function tell(history, model, walked, fitted) {
  const all = scoresOf(walked);
  if (!all) {
    const [error] = walked.errors;
    byId("walk-words").replaceChildren(
      make("p", {}, `No session could be forecast${error ? `: ${error.message}` : ""}.`),
    );
    byId("walk-table").replaceChildren();
    return;
  }
  const rows = [["All", all]];
  const after = fitted && history.isDated ? history.dates.findIndex((day) => day > fitted) : -1;
  const unseen = after > walked.first ? scoresOf(walked, after) : null;
  if (unseen) rows.push([`After ${fitted}`, unseen]);
  const judgesUnseen = unseen !== null && unseen.sessions >= FEWEST;
  const wasSeen =
    history.isDated && fitted !== null && !judgesUnseen && history.dates[walked.first] <= fitted;
  byId("walk-words").replaceChildren(
    ...verdict(judgesUnseen ? unseen : all, { since: judgesUnseen ? fitted : null, wasSeen }),
    ...notes(history, walked, fitted, after),
    copyButton(walked.request, "Copy the last batch as curl"),
  );
  byId("walk-table").replaceChildren(
    table(
      "Scores of the walk",
      [
        "Sessions",
        "Forecasts",
        "Model",
        "Naive",
        "Model / naive",
        ...all.coverage.map(({ level }) => `In ${level} %`),
      ],
      rows.map(([name, scores]) => [
        name,
        count(scores.sessions),
        percent(scores.mae / 100, 3),
        percent(scores.naiveMae / 100, 3),
        ranged(scores.ratio, (value) => value.toFixed(4)),
        ...scores.coverage.map((coverage) => ranged(coverage, (value) => percent(value))),
      ]),
      "Mean absolute error in percent of the price before, and the share of outcomes within the intervals. Below each: its 95 % range, by a block bootstrap, 1,000 resamples in blocks of 20 sessions.",
    ),
  );
}

function ranged({ value, low, high }, write) {
  return make("span", {}, write(value), make("small", {}, `${write(low)} – ${write(high)}`));
}

function verdict(scores, { since, wasSeen }) {
  const { ratio, mae, naiveMae, coverage, sessions } = scores;
  const judged =
    sessions < FEWEST
      ? "Too few sessions to tell skill from luck."
      : ratio.high < 1
        ? `The model was better than “tomorrow = today” by more than luck explains${wasSeen ? ", but on days that it was fitted on" : ""}.`
        : ratio.low > 1
          ? "The model was worse than “tomorrow = today” by more than luck explains."
          : "No better and no worse than “tomorrow = today”: the difference may be luck.";
  const texts = [
    `${since ? `On the ${many(sessions, "session")} after ${since}, which it was not fitted on, its` : "Its"} forecast was off by ${percent(mae / 100, 3)} of the price on average, the naive one by ${percent(naiveMae / 100, 3)}: ${ratio.value.toFixed(4)} of it, and with 95 % confidence between ${ratio.low.toFixed(4)} and ${ratio.high.toFixed(4)}.`,
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

function notes(history, walked, fitted, after) {
  const texts = walked.warnings.map(({ message }) => message);
  if (!history.isDated && fitted) {
    texts.push(
      `the prices have no dates: the model was fitted on sessions to ${fitted}, and what it had seen by then flatters it`,
    );
  } else if (fitted && after !== 0 && history.isDated) {
    const rows = (after < 0 ? history.length : after) - walked.first;
    if (rows > 0)
      texts.push(
        `${many(rows, "of these sessions is", "of these sessions are")} no later than ${fitted}, and the model was fitted on sessions to that day, of this instrument or of others: that flatters it`,
      );
  }
  if (walked.errors.length) {
    texts.push(
      `${many(walked.errors.length, "session")} could not be forecast, the first (${history.place(walked.errors[0].row)}) because: ${walked.errors[0].message}`,
    );
  }
  if (walked.intervals.size)
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

function draw(history, walked) {
  drawn?.remove();
  const container = byId("walk-chart");
  drawn = new PriceChart(container, byId("walk-ranges"), history, walked.target, {
    first: walked.first,
    candles: false,
  });
  const levels = [...walked.intervals.keys()].map(Number).sort((one, other) => other - one);
  const bands = levels.map((level, at) => {
    const { low, high } = walked.intervals.get(String(level));
    return {
      low: low.slice(walked.first),
      high: high.slice(walked.first),
      colour: at === 0 && levels.length > 1 ? "fan95" : "fan80",
    };
  });
  drawn.attach(new Bands(drawn, bands, walked.target.slice(walked.first)));
  container.setAttribute(
    "aria-label",
    `A line of ${many(history.length - walked.first, "session")}, within the intervals that were forecast the evening before. The table above has the figures.`,
  );
}
