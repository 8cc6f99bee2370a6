/** The scores of a backtest: skill against the naive and coverage, each with its uncertainty. */

const BLOCK = 20;
const RESAMPLES = 1000;
const RANGE = [0.025, 0.975];

/** Sessions below which a score is mostly luck. */
export const FEWEST = 60;

/**
 * Score the forecasts of rows from `first` on; null where there are none. Errors are in percent
 * of the price before, so that a session counts the same when the price was a tenth of today's.
 */
export function scoresOf(result, first = result.first) {
  const rows = [];
  for (let row = first; row < result.target.length; row += 1) {
    if (result.predictions[row] !== null) rows.push(row);
  }
  if (!rows.length) return null;
  const error = (forecast, row) => (100 * Math.abs(forecast[row] - result.target[row])) / result.naive[row];
  const ofModel = rows.map((row) => error(result.predictions, row));
  const ofNaive = rows.map((row) => error(result.naive, row));
  const ones = rows.map(() => 1);
  const coverage = [...result.intervals].map(([level, { low, high }]) => {
    const held = rows.map((row) => Number(low[row] <= result.target[row] && result.target[row] <= high[row]));
    return { level: Number(level), ...ratioOf(held, ones) };
  });
  return {
    sessions: rows.length,
    mae: mean(ofModel),
    naiveMae: mean(ofNaive),
    skill: improvementOf(ratioOf(ofModel, ofNaive)),
    coverage,
  };
}

/** By how much a ratio is below 1, and the range of that: above 0 is better. */
function improvementOf({ value, low, high }) {
  return { value: 1 - value, low: 1 - high, high: 1 - low };
}

/** The ratio of two means, and the 95 % range of it by a circular block bootstrap. */
function ratioOf(above, below) {
  const [sumAbove, sumBelow] = [running(above), running(below)];
  const length = above.length;
  const blocks = Math.ceil(length / BLOCK);
  const random = generator(1);
  const ratios = [];
  for (let resample = 0; resample < RESAMPLES; resample += 1) {
    let [top, bottom] = [0, 0];
    for (let block = 0; block < blocks; block += 1) {
      const start = Math.floor(random() * length);
      top += sumAbove[start + BLOCK] - sumAbove[start];
      bottom += sumBelow[start + BLOCK] - sumBelow[start];
    }
    ratios.push(top / bottom);
  }
  ratios.sort((one, other) => one - other);
  const [low, high] = RANGE.map((share) => ratios[Math.round(share * (RESAMPLES - 1))]);
  return { value: sumAbove[length] / sumBelow[length], low, high };
}

/** Running sums, on past the end by a block that begins anew. */
function running(values) {
  const sums = new Float64Array(values.length + BLOCK + 1);
  for (let at = 0; at < sums.length - 1; at += 1) sums[at + 1] = sums[at] + values[at % values.length];
  return sums;
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The same numbers in every backtest (mulberry32), so that a second one has the same ranges. */
function generator(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
