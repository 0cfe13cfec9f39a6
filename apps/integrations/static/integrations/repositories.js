// Says how many repositories are ticked; everything else works without it.
"use strict";

function countTicked() {
  const list = document.getElementById("repository-list");
  const label = list && list.querySelector("[data-ticked-count]");
  if (!label) return;
  const ticked = list.querySelectorAll("input[name=repositories]:checked, input[data-ticked]").length;
  label.textContent = ticked ? ` (${ticked})` : "";
}

document.addEventListener("change", countTicked);
document.addEventListener("htmx:afterSettle", countTicked);
countTicked();
