// Made-up prices into a forecast, with fetch alone: node forecast.mjs (or in a browser's page)
const url = globalThis.process?.env.NEXTDAY_URL ?? "http://127.0.0.1:8000";

// ninety days of closes, oldest first
const days = Array.from({ length: 90 }, (_, i) => i);
const prices = days.map((i) => Number((100 + i / 10 + 3 * Math.sin(i / 4) + Math.sin(i * i)).toFixed(2)));
const dates = days.map((i) => new Date(Date.UTC(2026, 0, 1 + i)).toISOString().slice(0, 10));

const response = await fetch(`${url}/predict`, {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify({ prices, dates, calendar: "24/7", levels: [80] }),
});
const answer = await response.json();
if (!response.ok) {
  throw new Error(`${answer.code}: ${answer.detail}`);
}
const [{ low, high }] = answer.intervals;
console.log(
  `${answer.forecast_date}: ${answer.prediction.toFixed(2)}, naive ${answer.naive.toFixed(2)},` +
    ` 80 % within ${low.toFixed(2)} to ${high.toFixed(2)}`,
);
const { mae_skill_vs_naive: skill, forecasts } = answer.skill;
console.log(
  `on ${forecasts.toLocaleString("en")} forecasts ${Math.abs(100 * skill).toFixed(2)} %` +
    ` ${skill > 0 ? "better" : "worse"} than tomorrow = today`,
);
for (const warning of answer.warnings) {
  console.log(`${warning.code}: ${warning.message}`);
}
