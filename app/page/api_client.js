/** The service as this page asks it: every request goes through here, and is kept to be copied. */

import { curlOf } from "./curl.js";

const ROOT = new URL("../", import.meta.url);
const KEY = "nextday-key";
const MOST_KEPT = 100;

/** Requests made, newest first: what was asked, what came of it, and its command. */
export const made = [];
const listeners = new Set();

/** Call back whenever `made` has changed. */
export function onRequest(listener) {
  listeners.add(listener);
}

/**
 * What the service refused, or why it could not be asked. `message` is to be shown, and of a file
 * `readAs`: what was read as what.
 */
export class Refused extends Error {
  constructor(message, { status = 0, code = "unreachable", index = null, readAs = null } = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.index = index;
    this.readAs = readAs;
  }
}

export function useKey(key) {
  if (key) sessionStorage.setItem(KEY, key);
  else sessionStorage.removeItem(KEY);
}

export function hasKey() {
  return Boolean(sessionStorage.getItem(KEY));
}

export function getJson(path, signal) {
  return ask({ method: "GET", path, signal });
}

/** Post text that is JSON already, or a value to write as JSON. */
export function postJson(path, value, { signal, what } = {}) {
  const body = typeof value === "string" ? value : JSON.stringify(value);
  return ask({ method: "POST", path, body, contentType: "application/json", signal, what });
}

/** Post a file as it came, or text, JSON of a vendor for one; `fileName` is what the copied command reads. */
export function postCsv(path, body, { signal, fileName, what } = {}) {
  return ask({ method: "POST", path, body, contentType: "text/csv", signal, fileName, what });
}

async function ask({ method, path, body, contentType, signal, fileName, what }) {
  const url = new URL(path, ROOT).href;
  const key = sessionStorage.getItem(KEY);
  const headers = {};
  if (contentType) headers["Content-Type"] = contentType;
  if (key) headers.Authorization = `Bearer ${key}`;
  const entry = {
    label: `${method} /${path}`,
    what: what ?? "",
    outcome: "under way",
    curl: () => curlOf({ method, url, contentType, body, fileName, needsKey: Boolean(key) }),
  };
  made.unshift(entry);
  made.length = Math.min(made.length, MOST_KEPT);
  const began = performance.now();
  const ended = (outcome) => {
    entry.outcome = `${outcome}, ${Math.round(performance.now() - began)} ms`;
    for (const listener of listeners) listener();
  };
  let response;
  let answer;
  try {
    response = await fetch(url, { method, headers, body, signal, cache: "no-store" });
    answer = await read(response);
  } catch (error) {
    ended(error.name === "AbortError" ? "cancelled" : "no answer");
    if (error.name === "AbortError") throw error;
    throw new Refused("The service did not answer. Is it still running, and is the network there?");
  }
  ended(String(response.status));
  if (response.ok) return { answer, request: entry };
  const { code, index, read_as: readAs } = answer ?? {};
  throw new Refused(sentence(answer, response), { status: response.status, code, index, readAs });
}

async function read(response) {
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    // a proxy's own page, perhaps
    return null;
  }
}

function sentence(answer, response) {
  const said = answer?.detail ?? `The service answered ${response.status}`;
  const after = response.headers.get("Retry-After");
  const text = said.charAt(0).toUpperCase() + said.slice(1);
  return `${text.replace(/[.]$/, "")}.${after ? ` Try again in ${after} s.` : ""}`;
}
