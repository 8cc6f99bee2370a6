// Asks for a forecast by a client whose types are generated from the service's OpenAPI document.
import createClient from "openapi-fetch";

import type { components, paths } from "./schema.js";

type Forecast = components["schemas"]["PredictResponse"];

// the test puts it before the compiled script
declare const NEXTDAY_URL: string;

const client = createClient<paths>({ baseUrl: NEXTDAY_URL });

const prices = Array.from({ length: 60 }, (_, day) => 100 + Math.sin(day / 5) + day / 20);
const asked = await client.POST("/predict", { body: { prices, levels: [80], calendar: "XNYS" } });
if (asked.error !== undefined) {
  throw new Error(`${asked.error.code}: ${asked.error.detail}`);
}
const forecast: Forecast = asked.data;
const [interval] = forecast.intervals;
if (interval === undefined) {
  throw new Error("no interval");
}
const width: number = interval.high - interval.low;
const day: string | null = forecast.forecast_date;
const skill: number = forecast.skill.mae_skill_vs_naive;
const novelty: number | null = forecast.novelty;

const short = await client.POST("/predict", { body: { prices: [1, 2] } });
const code: string | undefined = short.error?.code;

const batch = await client.POST("/predict/batch", { body: { windows: [prices, [1]] } });
const predictions: (number | null)[] = batch.data?.predictions ?? [];

const shown = await client.GET("/models/{name}", { params: { path: { name: "default" } } });
const window: number | undefined = shown.data?.manifest.window;

// @ts-expect-error: there is no such member
forecast.predicton;
// @ts-expect-error: one of prices and bars is needed
await client.POST("/predict", { body: { levels: [80] } });

console.log(JSON.stringify({ model: forecast.model, width, day, skill, novelty, code, predictions, window }));
