/** The tab of a model: its versions, its scores and its card. */

import { Refused, getJson } from "./api_client.js";
import { byId, make, table } from "./dom.js";
import { compared, count, percent, signedPercent } from "./format.js";
import { render } from "./markdown.js";
import { copyButton } from "./requests_view.js";

let asked = 0;

/** Show the version that answers, or another one; tells whether it could be had. */
export async function showModel(name, version = null) {
  const place = byId("model-detail");
  const mine = ++asked;
  const path = `models/${encodeURIComponent(name)}`;
  try {
    const { answer: model } = await getJson(path);
    const shown = version ?? model.version;
    const { answer: detail, request } = await getJson(`${path}/versions/${shown}`);
    // another may have been chosen meanwhile
    if (mine !== asked) return true;
    place.replaceChildren(
      make("h3", {}, `${name}, version ${shown}`),
      versions(model, shown),
      facts(detail.manifest),
      scores(detail.manifest.scores),
      make("section", { class: "card", "aria-label": "Model card" }, ...render(detail.card)),
      copyButton(request),
    );
    return true;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (mine === asked) {
      place.replaceChildren(make("p", { class: "wrong", role: "alert" }, error.message));
    }
    return false;
  }
}

function versions(model, shown) {
  const buttons = [...model.versions].reverse().map((version) =>
    make(
      "button",
      {
        type: "button",
        "aria-pressed": String(version === shown),
        onclick: async () => {
          await showModel(model.name, version);
          document.querySelector(`#model-detail [data-version="${version}"]`)?.focus();
        },
        "data-version": version,
      },
      version === model.version ? `${version}, which answers` : String(version),
    ),
  );
  return make(
    "div",
    { class: "versions", role: "group", "aria-label": "Versions" },
    make("span", { "aria-hidden": "true" }, "Versions"),
    ...buttons,
  );
}

function facts(manifest) {
  const fitted = manifest.trained_on;
  const rows = [
    ["Reads", `${manifest.window} sessions of ${manifest.fields.join(", ")}`],
    [
      "Forecasts",
      `the next ${manifest.target}${manifest.output === "quantiles" ? ", with intervals" : ", as a point"}`,
    ],
    [
      "Fitted on",
      fitted?.first
        ? `${fitted.first} to ${fitted.last}${fitted.instruments?.length ? `, ${count(fitted.instruments.length)} instrument(s)` : ""}`
        : null,
    ],
    ["Published", manifest.created_at?.slice(0, 10)],
  ];
  return make(
    "dl",
    { class: "facts" },
    ...rows
      .filter(([, value]) => value)
      .map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))),
  );
}

function scores(measured) {
  const rows = [
    ["Mean absolute error", measured.mae, measured.naive_mae, measured.mae_vs_naive],
    ["Root mean squared error", measured.rmse, measured.naive_rmse, measured.rmse_vs_naive],
  ]
    .filter(([, own]) => typeof own === "number")
    .map(([name, own, naive, ratio]) => [
      name,
      ...[own, naive].map((figure) => (typeof figure === "number" ? figure.toFixed(4) : "–")),
      // a manifest has the ratio of the two
      typeof ratio === "number" ? signedPercent(1 - ratio) : "–",
    ]);
  const notes = [
    typeof measured.coverage_90 === "number"
      ? `Its 90 % intervals held ${percent(measured.coverage_90)} of the outcomes.`
      : null,
    typeof measured.crps_vs_garch === "number"
      ? `Its distribution is ${compared(measured.crps_vs_garch)} that of a GARCH(1,1)-t, by CRPS.`
      : null,
  ].filter(Boolean);
  const span = measured.first ? `, ${measured.first} to ${measured.last}` : "";
  return make(
    "div",
    {},
    table(
      "Scores",
      ["", "Model", "Naive", "Better than naive by"],
      rows,
      `Measured on ${count(measured.sessions)} forecasts of sessions that it had not seen${span}${measured.unit ? `, in ${measured.unit}` : ""}. Above 0 is better than “tomorrow = today”.`,
    ),
    ...notes.map((note) => make("p", {}, note)),
  );
}
