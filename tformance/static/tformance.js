// What the pages need a script for: the colour scheme, closing menus, copying a link.
"use strict";

document.documentElement.classList.add("has-script");

function chooseTheme(theme) {
  const root = document.documentElement;
  const age = theme ? 31536000 : 0;
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `tformance_theme=${theme}; Path=/; Max-Age=${age}; SameSite=Lax${secure}`;
  if (theme) root.dataset.theme = theme;
  else delete root.dataset.theme;
  showTheme();
  document.dispatchEvent(new CustomEvent("tformance:theme"));
}

function showTheme() {
  const theme = document.documentElement.dataset.theme || "";
  for (const button of document.querySelectorAll("[data-choose-theme]")) {
    button.setAttribute("aria-pressed", String(button.dataset.chooseTheme === theme));
  }
}

function closeMenus(except) {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!except || !menu.contains(except)) menu.open = false;
  }
}

async function copy(button) {
  const field = document.getElementById(button.dataset.copy);
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
  } catch {
    return; // Without https there is no clipboard: the text stays selected.
  }
  const label = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = label; }, 2000);
}

document.addEventListener("click", (event) => {
  closeMenus(event.target);
  const theme = event.target.closest("[data-choose-theme]");
  if (theme) chooseTheme(theme.dataset.chooseTheme);
  const copied = event.target.closest("[data-copy]");
  if (copied) copy(copied);
});

// Enter within a panel of the filter bar presses the panel's own button, not the form's first.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !event.target.matches(".picker input")) return;
  event.preventDefault();
  event.target.closest(".picker").querySelector("button:not([type=button])").click();
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const open = document.querySelector("details.menu[open]") || event.target.closest("details.dialog[open]");
  closeMenus();
  if (!open) return;
  open.open = false;
  open.querySelector("summary").focus();
});

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submit-on-change]")) event.target.form.requestSubmit();
});

// A double click sends a form once. What differs from the first, as another button, goes through,
// and after some seconds so does anything: the first may have been a download, or stopped.
const sent = new Map();

function isSentAlready(form, button) {
  const said = `${button ? button.name : ""} ${new URLSearchParams(new FormData(form))}`;
  const before = sent.get(form);
  if (before && before.said === said && Date.now() - before.at < 5000) return true;
  sent.set(form, { said, at: Date.now() });
  return false;
}

// Window comes last: forms that htmx or a passkey sends are theirs.
window.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  if (isSentAlready(form, event.submitter)) event.preventDefault();
});

window.addEventListener("pageshow", () => sent.clear());

// On a narrow screen the navigation and tabs scroll sideways: begin with where we are in sight.
for (const here of document.querySelectorAll(".side nav [aria-current], .tabs [aria-current]")) {
  const row = here.closest("nav");
  row.scrollLeft += here.getBoundingClientRect().left - row.getBoundingClientRect().left - 24;
}

// A table that has room enough is part of the page, and its header sticks to the window's edge; a wider
// one scrolls within itself, as does one behind a chart.
const tables = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const fits = target.querySelector("table").offsetWidth <= target.clientWidth;
    target.classList.toggle("fits", fits);
    target.tabIndex = fits ? -1 : 0;
  }
});

function watchTables() {
  for (const place of document.querySelectorAll(".table-scroll:has(> table):not(.behind *)")) tables.observe(place);
}

document.addEventListener("htmx:afterSettle", watchTables);
watchTables();
showTheme();
