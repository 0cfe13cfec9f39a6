// Says how many repositories are ticked, and keeps what is ticked while the list is being refreshed;
// everything else works without it.
"use strict";

const tickedMeanwhile = new Map(); // by name, since the list was last asked for

function countTicked() {
  const list = document.getElementById("repository-list");
  const label = list && list.querySelector("[data-ticked-count]");
  if (!label) return;
  const ticked = list.querySelectorAll("input[name=repositories]:checked, input[data-ticked]").length;
  label.textContent = ticked ? ` (${ticked})` : "";
}

function keepTicks() {
  for (const box of document.querySelectorAll("#repository-list input[type=checkbox]")) {
    if (tickedMeanwhile.has(box.value)) box.checked = tickedMeanwhile.get(box.value);
  }
}

document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.target.id === "repository-list") tickedMeanwhile.clear();
});
document.addEventListener("change", (event) => {
  if (event.target.name === "repositories") tickedMeanwhile.set(event.target.value, event.target.checked);
  countTicked();
});
document.addEventListener("htmx:afterSettle", () => {
  keepTicks();
  countTicked();
});
countTicked();
