/** Numbers and days as people read them. */

const MONTHS = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];
const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/** Decimals that a price of this size is quoted with. */
export function decimalsOf(price) {
  const size = Math.abs(price);
  if (!(size > 0) || size >= 1) return 2;
  return Math.min(8, 3 - Math.floor(Math.log10(size)));
}

export function price(value, decimals = decimalsOf(value)) {
  return value.toLocaleString("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

export function count(value) {
  return value.toLocaleString("en");
}

/** As in `3 sessions`. */
export function many(value, one, more = `${one}s`) {
  return `${count(value)} ${value === 1 ? one : more}`;
}

/** A share as percent; the sign stays on the line of its number. */
export function percent(share, decimals = 1) {
  return `${(share * 100).toFixed(decimals)}\u00a0%`;
}

export function signedPercent(share, decimals = 2) {
  const shown = (Math.abs(share) * 100).toFixed(decimals);
  const sign = Number(shown) === 0 ? "" : share < 0 ? "−" : "+";
  return `${sign}${shown}\u00a0%`;
}

/** A skill, which is an improvement as a share: `0.16 % better than`, of whatever comes next. */
export function compared(skill) {
  const shown = percent(Math.abs(skill), 2);
  if (shown === percent(0, 2)) return "as good as";
  return `${shown} ${skill > 0 ? "better" : "worse"} than`;
}

/** `2020-01-02` as `Thursday 2 January 2020`. */
export function day(iso) {
  const [year, month, date] = iso.split("-").map(Number);
  const weekday = new Date(Date.UTC(year, month - 1, date)).getUTCDay();
  return `${DAYS[weekday]} ${date} ${MONTHS[month - 1]} ${year}`;
}
