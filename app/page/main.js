/** The page: what is chosen, and who has to know when that changes. */

import { Refused, getJson, hasKey, postCsv, postJson, useKey } from "./api_client.js";
import { cancelBacktest, offerBacktest, startBacktest } from "./backtest_view.js";
import { byId, make } from "./dom.js";
import { clearForecast, showForecast } from "./forecast_view.js";
import { many } from "./format.js";
import { History } from "./history.js";
import { onPrices } from "./input.js";
import { showModel } from "./model_view.js";
import { showReading } from "./reading_view.js";
import { listRequests } from "./requests_view.js";
import { makeTabs } from "./tabs.js";

const CALENDAR = "nextday-calendar";
const LARGEST_MB = 32;
const UNAUTHORIZED = 401;
const DEFAULT = "default";

let models = [];
let history = null;
let source = null;
let modelShown = null;
let underWay = null;
let started = null;

const chosenModel = () => models.find(({ name }) => name === byId("model").value);
const isNarrow = () => matchMedia("(max-width: 60rem)").matches;
const isShown = (tab) => byId(tab).getAttribute("aria-selected") === "true";

/** Do one thing at a time: what comes later ends what is under way. */
async function busy(text, work) {
  underWay?.abort();
  const mine = new AbortController();
  underWay = mine;
  document.body.dataset.state = "busy";
  byId("status").textContent = text;
  byId("error").hidden = true;
  try {
    await work(mine.signal);
  } catch (error) {
    if (underWay === mine) wrong(error);
    if (!(error instanceof Refused) && error.name !== "AbortError") throw error;
  } finally {
    if (underWay === mine) {
      byId("status").textContent = "";
      document.body.dataset.state = "ready";
    }
  }
}

function wrong(error) {
  const text =
    error instanceof Refused || typeof error === "string"
      ? error
      : "Something in this page went wrong; reload it and try again.";
  byId("error").replaceChildren(
    make("p", {}, text.message ?? text),
    ...(error.readAs ? [make("p", { class: "read-as" }, `The file was ${error.readAs}.`)] : []),
  );
  byId("error").hidden = false;
  if (error.status === UNAUTHORIZED) {
    byId("key-form").hidden = false;
    byId("key").focus();
  } else if (isNarrow()) {
    // below the form that a phone shows first
    byId("error").scrollIntoView({ block: "nearest" });
  }
}

/** Ask what there is to choose from; whatever needs that waits for it. */
function start() {
  started = offer();
  return busy("Asking…", async (signal) => {
    await started;
    if (history) await forecast(signal);
  });
}

async function offer() {
  const [{ answer: list }, { answer: calendars }] = await Promise.all([
    getJson("models"),
    getJson("calendars"),
  ]);
  models = list.models;
  byId("model").replaceChildren(...models.map(({ name }) => make("option", { value: name }, name)));
  byId("model").disabled = !models.length;
  if (models.some(({ name }) => name === DEFAULT)) byId("model").value = DEFAULT;
  offerCalendars(calendars);
  offerBacktest(history, chosenModel());
  if (!models.length)
    throw new Refused("The service serves no model yet. Publish one, and reload this page.");
  showModelTab();
}

function offerCalendars({ exchanges, aliases, others }) {
  const option = (value, text) => make("option", { value }, text);
  byId("calendar").replaceChildren(
    option("", "None"),
    ...others.map((name) =>
      option(name, { "24/7": "24/7: every day", weekdays: "Weekdays: Monday to Friday" }[name] ?? name),
    ),
    make(
      "optgroup",
      { label: "Exchanges by name" },
      ...Object.entries(aliases).map(([name, mic]) => option(name, `${name} (${mic})`)),
    ),
    make("optgroup", { label: "Exchanges by MIC" }, ...exchanges.map((name) => option(name, name))),
  );
  byId("calendar").value = localStorage.getItem(CALENDAR) ?? "";
  // one that this service does not know
  if (byId("calendar").selectedIndex < 0) byId("calendar").value = "";
}

function take({ name, content, fileName }) {
  return busy("Reading…", async (signal) => {
    if (content.size > LARGEST_MB * 2 ** 20) {
      throw new Refused(
        `This file has ${Math.round(content.size / 2 ** 20)} MB, and ${LARGEST_MB} MB are the most that the service takes: daily prices of 20 years have about half of one. Is it the right file?`,
      );
    }
    // the bytes as they are now: they are read again with another calendar
    const bytes = content instanceof Blob ? await content.arrayBuffer() : content;
    await read({ name, content: bytes, fileName }, signal);
    await forecast(signal);
    if (isNarrow()) byId("result").scrollIntoView();
  });
}

/** Have prices read, in the zone of the calendar that is chosen; keep them where they are. */
async function read(given, signal) {
  // a file may be dropped before the models and calendars are known
  await started;
  const { name, content, fileName } = given;
  const calendar = byId("calendar").value;
  const path = calendar ? `bars?${new URLSearchParams({ calendar })}` : "bars";
  const { answer } = await postCsv(path, content, { signal, fileName, what: name }).catch((error) => {
    if (error instanceof Refused && history && given !== source) {
      error.message += ` What is shown is still of ${history.name}.`;
    }
    throw error;
  });
  const found = new History(name, answer);
  const isSame = given === source && found.isAs(history);
  source = given;
  history = found;
  byId("source").textContent = name;
  byId("source").dataset.sessions = history.length;
  showReading(history.readAs, history.unit);
  // a backtest of the same prices is as good as it was
  if (!isSame) offerBacktest(history, chosenModel());
}

async function forecast(signal) {
  const model = chosenModel();
  if (!model) throw new Refused("There is no model to ask.");
  clearForecast();
  const calendar = byId("calendar").value;
  const question = history.question(model, calendar);
  byId("status").textContent = "Forecasting…";
  const { answer, request } = await postJson("predict", question.body, {
    signal,
    what: `${many(history.length - question.first, "session")} of ${history.name}`,
  }).catch((error) => {
    // the service counts rows of what was sent; people look for a line
    if (Number.isInteger(error.index)) {
      error.message += ` That is ${history.place(question.first + error.index)}.`;
    }
    throw error;
  });
  showForecast(history, question, answer, request, calendar);
}

function again() {
  offerBacktest(history, chosenModel());
  if (history) busy("Forecasting…", forecast);
}

async function showModelTab() {
  const model = chosenModel();
  if (!isShown("tab-model") || !model || modelShown === model.name) return;
  modelShown = model.name;
  // what could not be had is asked for again
  if (!(await showModel(model.name))) modelShown = null;
}

byId("model").addEventListener("change", () => {
  again();
  showModelTab();
});
byId("calendar").addEventListener("change", () => {
  localStorage.setItem(CALENDAR, byId("calendar").value);
  if (!source) return;
  busy("Reading…", async (signal) => {
    await read(source, signal);
    await forecast(signal);
  });
});
byId("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  useKey(byId("key").value.trim());
  modelShown = null;
  start();
});
byId("backtest-start").addEventListener("click", () => startBacktest(history, chosenModel()));
byId("backtest-cancel").addEventListener("click", cancelBacktest);
makeTabs(document.querySelector('[role="tablist"]'), showModelTab);
listRequests();
onPrices(take, wrong);
byId("key-form").hidden = !hasKey();
offerBacktest(null, null);
start();
