/** A chart of a history: candles, or a line where there are only closes. */

import {
  CandlestickSeries,
  ColorType,
  CrosshairMode,
  LineSeries,
  createChart,
} from "./vendor/lightweight-charts.mjs";
import { make } from "./dom.js";
import { decimalsOf, price } from "./format.js";
import { colours, onThemeChange } from "./theme.js";

const RANGES = [
  [21, "1 month"],
  [63, "3 months"],
  [252, "1 year"],
  [Infinity, "All"],
];
const A_DAY_S = 86_400;
const NARROW_PX = 480;

export class PriceChart {
  /**
   * Draw rows of a history from `first` on, and one place more where `next` is: the day after
   * it, or null where that is not known. `space` is how many pixels the right side keeps free.
   */
  constructor(container, ranges, history, column, { first = 0, next, candles = true, space = 12 }) {
    this.container = container;
    this.colours = colours();
    this._history = history;
    this._first = first;
    this._sessions = history.length - first;
    this._space = space;
    this._isDated = history.isDated;
    this.chart = createChart(container, this._look());
    this._decimals = decimalsOf(column[column.length - 1]);
    const format = { type: "price", precision: this._decimals, minMove: 10 ** -this._decimals };
    this._isCandles = candles && history.hasBars;
    this.series = this.chart.addSeries(this._isCandles ? CandlestickSeries : LineSeries, {
      ...this._inks(),
      priceFormat: format,
      priceLineVisible: false,
      lastValueVisible: false,
    });
    const points = [];
    for (let row = first; row < history.length; row += 1) points.push(this._point(row, column));
    if (next !== undefined) points.push({ time: this._timeAfter(next) });
    this.series.setData(points);
    this._readout = make("p", { class: "readout", "aria-hidden": "true" });
    container.prepend(this._readout);
    this.chart.subscribeCrosshairMove((at) => this._read(at));
    this._endTheme = onThemeChange(() => this._recolour());
    this._offerRanges(ranges);
    this._onRecolour = [];
  }

  /** Add what is drawn beneath the series. */
  attach(primitive) {
    this.series.attachPrimitive(primitive);
  }

  onRecolour(listener) {
    this._onRecolour.push(listener);
  }

  /** Show the newest sessions. */
  show(sessions) {
    const shown = Math.min(sessions, this._sessions);
    const width = Math.max(this.container.clientWidth - 70, 100);
    const free = Math.min(this._space / width, 0.45);
    const last = this._sessions - 1;
    this.chart.timeScale().setVisibleLogicalRange({
      from: last - shown + 0.5,
      to: last + 0.5 + (shown * free) / (1 - free),
    });
  }

  remove() {
    this._endTheme();
    this.chart.remove();
    this.container.replaceChildren();
  }

  _look() {
    const { text, grid, muted } = this.colours;
    const fontFamily = getComputedStyle(document.body).fontFamily;
    return {
      autoSize: true,
      // the link that its licence asks for is below the chart: the library's own brings a style
      // element with it, which the page's policy refuses
      layout: {
        background: { type: ColorType.Solid, color: "transparent" },
        textColor: text,
        fontFamily,
        attributionLogo: false,
      },
      grid: { vertLines: { color: grid }, horzLines: { color: grid } },
      crosshair: { mode: CrosshairMode.Normal, vertLine: { color: muted }, horzLine: { color: muted } },
      rightPriceScale: { borderColor: grid, scaleMargins: { top: 0.12, bottom: 0.08 } },
      timeScale: {
        borderColor: grid,
        minBarSpacing: 0.01,
        ...(this._isDated ? {} : { tickMarkFormatter: (time) => this._name(time) }),
      },
      localization: { locale: "en", timeFormatter: (time) => this._name(time) },
      // one finger scrolls the page past the chart
      handleScroll: { vertTouchDrag: false },
      handleScale: { mouseWheel: false },
    };
  }

  _inks() {
    const { up, down, accent } = this.colours;
    return this._isCandles
      ? { upColor: up, downColor: down, borderVisible: false, wickUpColor: up, wickDownColor: down }
      : { color: accent, lineWidth: 2 };
  }

  _recolour() {
    this.colours = colours();
    this.chart.applyOptions(this._look());
    this.series.applyOptions(this._inks());
    for (const listener of this._onRecolour) listener();
  }

  _point(row, column) {
    const time = this._isDated ? this._history.dates[row] : row * A_DAY_S;
    if (!this._isCandles) return { time, value: column[row] };
    const { open, high, low, close } = this._history.bars;
    return { time, open: open[row], high: high[row], low: low[row], close: close[row] };
  }

  _timeAfter(next) {
    const { dates, length } = this._history;
    if (!this._isDated) return length * A_DAY_S;
    if (next !== null) return next;
    return new Date(Date.parse(dates[length - 1]) + A_DAY_S * 1000).toISOString().slice(0, 10);
  }

  _name(time) {
    if (typeof time === "number") return `session ${time / A_DAY_S + 1}`;
    if (typeof time === "string") return time;
    const two = (number) => String(number).padStart(2, "0");
    return `${time.year}-${two(time.month)}-${two(time.day)}`;
  }

  _read(at) {
    const seen = at.time === undefined ? undefined : at.seriesData.get(this.series);
    if (!seen) {
      this._readout.textContent = "";
      return;
    }
    const show = (value) => price(value, this._decimals);
    const figures =
      seen.open === undefined
        ? show(seen.value)
        : `O ${show(seen.open)}  H ${show(seen.high)}  L ${show(seen.low)}  C ${show(seen.close)}`;
    this._readout.textContent = `${this._name(at.time)}   ${figures}`;
  }

  _offerRanges(ranges) {
    const offered = RANGES.filter(
      ([sessions], at) => sessions === Infinity || sessions < this._sessions || at === 0,
    );
    const buttons = offered.map(([sessions, text]) =>
      make(
        "button",
        {
          type: "button",
          "aria-pressed": "false",
          onclick: (event) => {
            for (const each of buttons)
              each.setAttribute("aria-pressed", String(each === event.currentTarget));
            this.show(sessions);
          },
        },
        text,
      ),
    );
    ranges.replaceChildren(...buttons);
    const wanted = this.container.clientWidth < NARROW_PX ? 0 : 1;
    buttons[Math.min(wanted, buttons.length - 1)].click();
  }
}
