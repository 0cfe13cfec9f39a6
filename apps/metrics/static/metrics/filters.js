// What the filter bar and the lists need a script for: searching long lists, and staying still.
"use strict";

const picked = (found) => found.closest(".picker").querySelector(".picked");

// Lists that are complete on the page: hide what does not match.
document.addEventListener("input", (event) => {
  if (!event.target.matches("[data-find]")) return;
  const wanted = event.target.value.toLowerCase();
  for (const option of event.target.parentElement.querySelectorAll(".options li")) {
    option.hidden = !option.textContent.toLowerCase().includes(wanted);
  }
});

// Lists searched on the server: ticked options move up and stay during further searches.
document.addEventListener("change", (event) => {
  const found = event.target.closest(".found");
  if (!found) return;
  const list = picked(found);
  list.hidden = false;
  list.append(event.target.closest("li"));
  event.target.focus();
});

document.addEventListener("htmx:afterSwap", (event) => {
  const found = event.detail.target;
  if (!found.matches(".found")) return;
  const already = new Set([...picked(found).querySelectorAll("input:checked")].map((each) => each.value));
  for (const input of found.querySelectorAll("input")) {
    if (already.has(input.value)) input.closest("li").remove();
  }
});

// A search text is no option yet; for labels and branches it may become one.
document.addEventListener("submit", (event) => {
  for (const field of event.target.querySelectorAll("[data-look-up]")) {
    if (!field.dataset.free) field.disabled = true;
  }
});
window.addEventListener("pageshow", () => {
  for (const field of document.querySelectorAll("[data-look-up]")) field.disabled = false;
});

// An open page follows new data, but not while the user types in it or the tab is hidden.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (!event.target.matches(".fresh")) return;
  const busy = document.querySelector("#figures details.menu[open], #figures input:focus");
  if (document.hidden || busy) event.preventDefault();
});

// New figures come without a jump: tables stay open, scrolled and focused where they were.
const kept = { open: [], scrolled: [], focused: -1 };
const all = (selector) => [...document.querySelectorAll(`#figures ${selector}`)];

document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target.id !== "figures") return;
  kept.open = all("details").map((each) => each.open);
  kept.scrolled = all(".table-scroll").map((each) => [each.scrollLeft, each.scrollTop]);
  kept.focused = all("a, button, summary, [tabindex]").indexOf(document.activeElement);
});

document.addEventListener("htmx:afterSettle", () => {
  if (!kept.open.length && !kept.scrolled.length && kept.focused < 0) return;
  all("details").forEach((each, place) => { each.open = kept.open[place] || false; });
  all(".table-scroll").forEach((each, place) => {
    [each.scrollLeft, each.scrollTop] = kept.scrolled[place] || [0, 0];
  });
  const again = all("a, button, summary, [tabindex]")[kept.focused];
  if (again) again.focus({ preventScroll: true });
  Object.assign(kept, { open: [], scrolled: [], focused: -1 });
});

// Figures that load after their page may fail to load: then the page says so.
for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(name, (event) => {
    if (!event.target.matches(".follows")) return;
    for (const child of event.target.children) child.hidden = !child.matches(".failed");
  });
}
