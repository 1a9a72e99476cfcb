"use strict";
// The pages work without this file. It adds keys, the choice of view, and news of a running batch.

const POLL_MS = 3000;
const POLL_WHILE_READING_MS = 500;
const byId = (id) => document.getElementById(id);
const kind = document.body.dataset.page;

// --- rendered markdown or its source; remembered

function show(view) {
  document.body.dataset.view = view;
  for (const button of document.querySelectorAll("[data-view]:is(button)")) {
    button.setAttribute("aria-pressed", String(button.dataset.view === view));
  }
  try { if (view !== "marked") localStorage.setItem("view", view); } catch { /* storage is off */ }
}

function viewBefore() {
  try { return localStorage.getItem("view") === "source" ? "source" : "rendered"; } catch { return "rendered"; }
}

for (const button of document.querySelectorAll("button[data-view]")) {
  button.addEventListener("click", () => show(button.dataset.view));
}
show(viewBefore());

// --- keys: a letter presses the button or follows the link that shows it

const isWriting = (target) => target.closest("input, textarea, select, [contenteditable]") !== null;

function press(key) {
  if (key === "d" && document.querySelector("button[data-view=marked]")) {
    return show(document.body.dataset.view === "marked" ? "rendered" : "marked");
  }
  if (key === "m") return show(document.body.dataset.view === "source" ? "rendered" : "source");
  const target = [...document.querySelectorAll(`[data-key="${CSS.escape(key)}"]`)]
    .find((one) => one.matches("button, a, textarea, input") && !one.disabled);
  if (!target) return;
  if (target.matches("textarea, input")) target.focus();
  else target.click();
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) return event.target.closest(".critic")?.requestSubmit();
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.key === "Escape" && isWriting(event.target)) return event.target.blur();
  if (event.key === "Enter" && event.target.closest(".ballot input")) return event.target.blur();
  if (isWriting(event.target)) return;
  if (/^[a-z?]$/.test(event.key)) {
    event.preventDefault();
    press(event.key);
  }
});

// --- the list: filters apply at once, arrow keys move

const filters = byId("filters");
if (filters) {
  filters.addEventListener("change", () => filters.requestSubmit());
  byId("lines").addEventListener("keydown", (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const links = [...document.querySelectorAll(".list a")];
    const next = links[links.indexOf(document.activeElement) + by];
    if (!by || !next) return;
    event.preventDefault();
    next.focus();
  });
}

// --- news: figures and lines are replaced in place, and what has the focus keeps it

async function replaceLines() {
  const lines = byId("lines"), focused = document.activeElement?.id;
  const answer = await fetch(`/lines?${lines.dataset.query}`);
  if (!answer.ok) return;
  const made = new DOMParser().parseFromString(await answer.text(), "text/html");
  lines.replaceChildren(...made.body.childNodes);
  if (focused?.startsWith("line-")) byId(focused)?.focus({ preventScroll: true });
}

// returns whether the server is still reading the store
async function look() {
  const news = byId("news"), progress = byId("progress");
  const about = news ? `?key=${news.dataset.key}` : "";
  const answer = await fetch(`/progress${about}`);
  if (!answer.ok) return false;
  const now = await answer.json();
  if (news) news.hidden = String(now.trajectory) === news.dataset.mark;
  if (!progress) return false;
  byId("bar").max = Math.max(1, now.trajectories);
  byId("bar").value = now.ended;
  byId("bar").hidden = !now.is_running;
  byId("progress-text").textContent = `${now.ended} of ${now.trajectories} ended`;
  const mark = `${now.mark} ${now.listed}`;
  if (mark !== progress.dataset.mark) {
    progress.dataset.mark = mark;
    await replaceLines();
  }
  return now.listed < now.trajectories;
}

async function keepLooking() {
  for (let isReading = true;;) {
    await new Promise((resolve) => setTimeout(resolve, isReading ? POLL_WHILE_READING_MS : POLL_MS));
    if (document.hidden) continue;
    try { isReading = await look(); } catch { /* the server has stopped, or is being restarted */ }
  }
}

if (kind === "list" || kind === "trajectory") keepLooking();
