/** The ways in which prices come: dropped, chosen, pasted, or an example. */

import { byId } from "./dom.js";

const EXAMPLES = {
  calm: "Example: a calm instrument, made up",
  wild: "Example: a wild instrument, made up",
};

/** Call `take` with {name, content, fileName} for whatever comes, and `wrong` with a sentence. */
export function onPrices(take, wrong) {
  const file = byId("file");
  byId("choose").addEventListener("click", () => file.click());
  file.addEventListener("change", () => {
    if (file.files.length) takeFile(file.files[0], take);
    // the same file may be chosen again once it was mended
    file.value = "";
  });
  byId("paste-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const content = byId("pasted").value;
    if (content.trim()) take({ name: "Pasted prices", content });
    else wrong("There is nothing to read yet: paste prices into the field first.");
  });
  byId("examples").addEventListener("click", (event) => {
    const chosen = event.target.closest("[data-example]")?.dataset.example;
    if (chosen) takeExample(chosen, take, wrong);
  });
  onDrop(take, wrong);
}

function takeFile(file, take) {
  take({ name: file.name, content: file, fileName: file.name });
}

async function takeExample(name, take, wrong) {
  try {
    const response = await fetch(new URL(`examples/${name}.csv`, import.meta.url));
    if (!response.ok) throw new Error(String(response.status));
    take({ name: EXAMPLES[name], content: await response.text() });
  } catch {
    wrong("The example could not be fetched from the service.");
  }
}

function onDrop(take, wrong) {
  const holdsSomething = (event) =>
    [...event.dataTransfer.types].some((type) => type === "Files" || type === "text/plain");
  // a text that is dragged into the field is the field's
  const isMine = (event) => holdsSomething(event) && event.target.id !== "pasted";
  let depth = 0;
  const mark = (change) => {
    depth = Math.max(0, depth + change);
    document.body.classList.toggle("dropping", depth > 0);
  };
  document.addEventListener("dragenter", (event) => {
    if (isMine(event)) mark(+1);
  });
  document.addEventListener("dragleave", (event) => {
    if (isMine(event)) mark(-1);
  });
  document.addEventListener("dragover", (event) => {
    if (isMine(event)) event.preventDefault();
  });
  document.addEventListener("drop", (event) => {
    if (!isMine(event)) return;
    event.preventDefault();
    mark(-depth);
    const { files } = event.dataTransfer;
    if (files.length > 1) wrong("One file at a time, please: each holds one instrument.");
    else if (files.length === 1) takeFile(files[0], take);
    else take({ name: "Dropped prices", content: event.dataTransfer.getData("text/plain") });
  });
}
