/** The colours of the style sheet, for what is drawn on a canvas. */

const NAMES = ["text", "card", "muted", "grid", "accent", "up", "down", "fan80", "fan95", "naive", "miss"];

/** Read them as they are now: they follow the light or dark of the system. */
export function colours() {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

/** Call back when the system turns light or dark; returns what ends that. */
export function onThemeChange(listener) {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", listener);
  return () => dark.removeEventListener("change", listener);
}
