/** What is drawn beneath a chart's prices: the fan of the next session, and intervals gone by. */

const LABEL_PX = 14;
const NARROW_PX = 480;
/** The wedge, however close the sessions are, and the flat end of it. */
const WEDGE_PX = [44, 26];
const END_PX = [22, 10];

/** Pixels that the fan wants to the right of the last session. */
export const FAN_PX = 165;

class Drawn {
  constructor(chart) {
    this._chart = chart;
    chart.onRecolour(() => this._update?.());
  }

  attached({ requestUpdate }) {
    this._update = requestUpdate;
  }

  paneViews() {
    return [
      {
        // above the grid; what is beneath the prices says so
        zOrder: () => this._order ?? "top",
        renderer: () => ({
          draw: (target) => target.useMediaCoordinateSpace((scope) => this._draw(scope.context)),
        }),
      },
    ];
  }

  _x(row) {
    return this._chart.chart.timeScale().logicalToCoordinate(row);
  }

  _y(value) {
    return this._chart.series.priceToCoordinate(value);
  }
}

/** The fan from the last price to the next session: wedges, the forecast and the ends. */
export class Fan extends Drawn {
  /** `row` is that of the last price; `intervals` are as `/predict` answers. */
  constructor(chart, { row, last, prediction, intervals, write }) {
    super(chart);
    this._fan = { row, last, prediction, write };
    // the widest first, and beneath the others
    this._intervals = [...intervals].sort((one, other) => other.level - one.level);
  }

  autoscaleInfo(from, to) {
    const { row, last, prediction } = this._fan;
    if (to < row || from > row + 1) return null;
    const ends = this._intervals.flatMap(({ low, high }) => [low, high]);
    const all = [last, prediction, ...ends];
    return { priceRange: { minValue: Math.min(...all), maxValue: Math.max(...all) } };
  }

  _draw(context) {
    const { row, last, prediction, write } = this._fan;
    const { accent, card, fan80, fan95, naive, text } = this._chart.colours;
    const narrow = Number(this._chart.container.clientWidth < NARROW_PX);
    const from = this._x(row);
    if (from === null) return;
    const to = Math.max(this._x(row + 1), from + WEDGE_PX[narrow]);
    const end = to + END_PX[narrow];
    context.font = `12px ${getComputedStyle(document.body).fontFamily}`;
    context.textBaseline = "middle";
    const labels = [];
    const label = (words, y, colour) => {
      labels.push(y);
      // the naive's line goes on beneath it
      context.fillStyle = card;
      context.fillRect(end + 3, y - LABEL_PX / 2, context.measureText(words).width + 5, LABEL_PX);
      context.fillStyle = colour;
      context.fillText(words, end + 6, y);
    };
    this._intervals.forEach(({ level, low, high }, at) => {
      const [top, bottom] = [this._y(high), this._y(low)];
      context.fillStyle = at === 0 && this._intervals.length > 1 ? fan95 : fan80;
      context.beginPath();
      context.moveTo(from, this._y(last));
      context.lineTo(to, top);
      context.lineTo(end, top);
      context.lineTo(end, bottom);
      context.lineTo(to, bottom);
      context.closePath();
      context.fill();
      for (const [value, y] of [
        [high, top],
        [low, bottom],
      ]) {
        if (labels.every((other) => Math.abs(other - y) >= LABEL_PX)) {
          label(narrow ? write(value) : `${write(value)}  ${level} %`, y, text);
        }
      }
    });
    const y = this._y(prediction);
    context.strokeStyle = naive;
    context.lineWidth = 1;
    context.setLineDash([4, 3]);
    context.beginPath();
    context.moveTo(from, this._y(last));
    context.lineTo(end, this._y(last));
    context.stroke();
    context.setLineDash([]);
    context.strokeStyle = accent;
    context.lineWidth = 2;
    context.beginPath();
    context.moveTo(from, this._y(last));
    context.lineTo(to, y);
    context.lineTo(end, y);
    context.stroke();
    context.fillStyle = accent;
    context.beginPath();
    context.arc(to, y, 4, 0, 2 * Math.PI);
    context.fill();
    if (labels.every((other) => Math.abs(other - y) >= LABEL_PX)) {
      label(write(prediction), y, accent);
    }
  }
}

/** The intervals that were forecast for sessions gone by, and the prices outside the widest. */
export class Bands extends Drawn {
  /** `bands` are {low, high, colour}, widest first, their rows those of `outcomes`; null is a gap. */
  constructor(chart, bands, outcomes) {
    super(chart);
    this._bands = bands;
    this._order = "normal";
    this._outcomes = outcomes;
  }

  autoscaleInfo(from, to) {
    if (!this._bands.length) return null;
    const { low, high } = this._bands[0];
    let [minValue, maxValue] = [Infinity, -Infinity];
    for (let row = Math.max(0, Math.floor(from)); row <= Math.min(low.length - 1, Math.ceil(to)); row += 1) {
      if (low[row] !== null) {
        minValue = Math.min(minValue, low[row]);
        maxValue = Math.max(maxValue, high[row]);
      }
    }
    return minValue <= maxValue ? { priceRange: { minValue, maxValue } } : null;
  }

  _draw(context) {
    const range = this._chart.chart.timeScale().getVisibleLogicalRange();
    if (!range || !this._bands.length) return;
    const first = Math.max(0, Math.floor(range.from) - 1);
    const last = Math.min(this._outcomes.length - 1, Math.ceil(range.to) + 1);
    for (const { low, high, colour } of this._bands) {
      context.fillStyle = this._chart.colours[colour];
      for (let row = first; row <= last; row += 1) {
        const start = row;
        while (row <= last && low[row] !== null) row += 1;
        if (row > start) this._fill(context, low, high, start, row);
      }
    }
    const { low, high } = this._bands[0];
    const radius = last - first > 400 ? 1.5 : 3;
    context.fillStyle = this._chart.colours.miss;
    for (let row = first; row <= last; row += 1) {
      const outcome = this._outcomes[row];
      if (low[row] !== null && (outcome < low[row] || outcome > high[row])) {
        context.beginPath();
        context.arc(this._x(row), this._y(outcome), radius, 0, 2 * Math.PI);
        context.fill();
      }
    }
  }

  _fill(context, low, high, start, end) {
    context.beginPath();
    for (let row = start; row < end; row += 1) context.lineTo(this._x(row), this._y(high[row]));
    for (let row = end - 1; row >= start; row -= 1) context.lineTo(this._x(row), this._y(low[row]));
    context.closePath();
    context.fill();
  }
}
