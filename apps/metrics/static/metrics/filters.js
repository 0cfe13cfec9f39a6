// Finds what to tick in the long lists of the filter bar.
"use strict";

document.addEventListener("input", (event) => {
  if (!event.target.matches("[data-find]")) return;
  const wanted = event.target.value.toLowerCase();
  for (const option of event.target.parentElement.querySelectorAll(".options li")) {
    option.hidden = !option.textContent.toLowerCase().includes(wanted);
  }
});
