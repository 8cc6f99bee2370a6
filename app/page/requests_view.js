/** The list of requests, each with a button that copies it as curl. */

import { made, onRequest } from "./api_client.js";
import { copy } from "./curl.js";
import { byId, make } from "./dom.js";

const SHOWN_MS = 2000;

/** A button that copies a request of `api_client.js`. */
export function copyButton(request, text = "Copy as curl") {
  const button = make(
    "button",
    {
      type: "button",
      class: "copy",
      onclick: async () => {
        try {
          await copy(request.curl());
          button.textContent = "Copied";
        } catch {
          button.textContent = "The browser did not let it be copied";
        }
        setTimeout(() => {
          button.textContent = text;
        }, SHOWN_MS);
      },
    },
    text,
  );
  return button;
}

/** Keep the list up to date, once its disclosure is open. */
export function listRequests() {
  const details = byId("requests");
  let isDue = false;
  const write = () => {
    isDue = false;
    byId("request-count").textContent = `(${made.length})`;
    if (!details.open) return;
    byId("request-list").replaceChildren(
      ...made.map((request) => {
        const button = copyButton(request);
        button.setAttribute("aria-label", `Copy as curl: ${request.label} ${request.what}`);
        return make(
          "li",
          {},
          make(
            "span",
            {},
            make("code", {}, request.label),
            ` ${request.what} `,
            make("small", {}, request.outcome),
          ),
          button,
        );
      }),
    );
  };
  details.addEventListener("toggle", write);
  onRequest(() => {
    if (isDue) return;
    isDue = true;
    requestAnimationFrame(write);
  });
}
