"use strict";
// All texts are set with textContent, so model output is never read as markup.

const SHOWN = 50; // lines per page of the list
const KEPT_SLICES = 4; // parsed slices in memory
const PAUSE_MS = 150; // from typing to searching

const byId = (id) => document.getElementById(id);
const index = JSON.parse(byId("index").textContent);
const ranks = Object.keys(index.results);
const rows = index.rows
  .map((row, number) => ({ ...row, number }))
  .sort((a, b) => ranks.indexOf(a.result) - ranks.indexOf(b.result) || a.number - b.number);
const parsed = new Map();

let found = rows; // rows that pass the filters, in the order of the list
let page = 0;
let current = 0; // index in `found` of the focused or open row
let search = 0; // number of the latest search; earlier ones stop

function element(name, content, kind) {
  const made = document.createElement(name);
  if (kind) made.className = kind;
  if (content !== undefined) made.textContent = content;
  return made;
}

function details(number) {
  const which = Math.floor(number / index.slice);
  if (!parsed.has(which)) {
    if (parsed.size >= KEPT_SLICES) parsed.delete(parsed.keys().next().value);
    parsed.set(which, JSON.parse(byId(`slice-${which}`).textContent));
  }
  return parsed.get(which)[number % index.slice];
}

// --- filters

function fillSelect(select, counts, names) {
  for (const [value, count] of counts) {
    const option = element("option", `${names(value)} (${count})`);
    option.value = value;
    select.append(option);
  }
}

function countBy(value) {
  const counts = new Map();
  for (const row of rows) {
    const key = value(row);
    if (key !== undefined) counts.set(key, (counts.get(key) || 0) + 1);
  }
  return [...counts].sort((a, b) => b[1] - a[1]);
}

function offerValues() {
  const field = byId("field").value;
  const common = countBy((row) => row.values[field]).slice(0, 100);
  byId("values").replaceChildren(...common.map(([value]) => {
    const option = element("option");
    option.value = value;
    return option;
  }));
}

function passes(row) {
  const result = byId("result").value, reason = byId("reason").value;
  const value = byId("value").value.trim().toLowerCase();
  const own = row.values[byId("field").value];
  return (!result || row.result === result)
    && (!reason || row.reason === reason)
    && (!value || (own !== undefined && own.toLowerCase().includes(value)));
}

function holds(one, wanted) {
  const texts = [one.id, one.trajectory, ...one.prompt.map((turn) => turn.text)];
  for (const version of one.versions) texts.push(version.text, version.critique || "");
  return texts.some((text) => text.toLowerCase().includes(wanted));
}

// yields between slices, so the page stays responsive
async function withText(candidates, wanted, mine) {
  const inOrder = [...candidates].sort((a, b) => a.number - b.number);
  const hits = new Set();
  let slice = -1;
  for (const row of inOrder) {
    const next = Math.floor(row.number / index.slice);
    if (next !== slice) {
      slice = next;
      await new Promise((resolve) => setTimeout(resolve));
      if (mine !== search) return null;
    }
    if (holds(details(row.number), wanted)) hits.add(row);
  }
  return candidates.filter((row) => hits.has(row));
}

async function applyFilters() {
  const mine = ++search;
  let left = rows.filter(passes);
  const wanted = byId("text").value.trim().toLowerCase();
  if (wanted) {
    byId("count").textContent = "Searching …";
    left = await withText(left, wanted, mine);
    if (left === null) return;
  }
  found = left;
  show(0);
}

let waiting;
function filterSoon() {
  clearTimeout(waiting);
  waiting = setTimeout(applyFilters, PAUSE_MS);
}

// --- list

function line(row, place) {
  const button = element("button");
  button.type = "button";
  button.tabIndex = place === current ? 0 : -1;
  button.dataset.place = place;
  const rounds = row.rounds === 1 ? "1 round" : `${row.rounds} rounds`;
  button.append(
    element("span", index.results[row.result], `badge ${row.result}`),
    element("span", row.id),
    element("span", row.preview, "preview more"),
    element("span", `${rounds}, ${index.reasons[row.reason]}`, "more"),
  );
  const item = element("li");
  item.append(button);
  return item;
}

function show(place, focus) {
  current = Math.max(0, Math.min(place, found.length - 1));
  page = Math.floor(current / SHOWN);
  const start = page * SHOWN, end = Math.min(start + SHOWN, found.length);
  byId("list").replaceChildren(...found.slice(start, end).map((row, n) => line(row, start + n)));
  byId("count").textContent = found.length === rows.length
    ? `${rows.length} trajectories` : `${found.length} of ${rows.length} trajectories`;
  byId("page").textContent = found.length ? `${start + 1} to ${end}` : "none";
  byId("previous-page").disabled = page === 0;
  byId("next-page").disabled = end >= found.length;
  byId("pages").hidden = found.length <= SHOWN;
  if (focus) byId("list").querySelector("[tabindex='0']")?.focus();
}

const MOVES = {
  ArrowDown: (place) => place + 1,
  ArrowUp: (place) => place - 1,
  PageDown: (place) => place + SHOWN,
  PageUp: (place) => place - SHOWN,
  Home: () => 0,
  End: () => found.length - 1,
};

function onListKey(event) {
  const move = MOVES[event.key];
  if (!move || !event.target.dataset.place) return;
  event.preventDefault();
  show(move(Number(event.target.dataset.place)), true);
}

// --- one trajectory

// a text with its removals or additions marked
function marked(text, changes, kind) {
  const shown = element("p", undefined, "text");
  let place = 0;
  for (let n = 0; n < changes.length; n += 2) {
    if (changes[n] !== 0 && changes[n] !== kind) continue;
    const piece = text.slice(place, place += changes[n + 1]);
    shown.append(changes[n] === 0 ? piece : element(kind === 1 ? "del" : "ins", piece));
  }
  return shown;
}

// two texts side by side, with changes marked unless most of the text changed
function sides(before, after, changes, names) {
  const pair = element("div", undefined, "sides");
  if (changes === null) {
    pair.append(element("p", "Most of the text changed, so the changes are not marked.", "quiet all"));
  }
  [[before, 1, names[0]], [after, 2, names[1]]].forEach(([version, kind, name]) => {
    const side = element("div", undefined, "version");
    const text = changes === null ? element("p", version.text, "text") : marked(version.text, changes, kind);
    side.append(element("h4", name), text);
    pair.append(side);
  });
  return pair;
}

const nameOf = (round) => (round === 0 ? "Original" : `Version ${round}`);

function round(version, versions) {
  const part = element("section");
  const unread = version.unread_score === null ? "" : ` (unreadable score: ${version.unread_score})`;
  const score = version.score === null ? unread : ` (score ${version.score})`;
  part.append(element("h3", `Round ${version.round}`));
  if (version.critique !== null) {
    part.append(element("p", `Critique of ${version.base === 0 ? "the original" : `version ${version.base}`}${score}`, "quiet"));
    part.append(element("p", version.critique, "text critique"));
  }
  part.append(...criteria(version));
  const before = versions[version.base];
  const unchanged = version.edits && !version.edits.count ? "No edits: nothing to change." : "No change.";
  if (before.text === version.text) part.append(element("p", unchanged, "quiet"));
  else part.append(sides(before, version, version.changes, [nameOf(version.base), nameOf(version.round)]));
  part.append(...edits(version));
  part.append(...checks(version));
  part.append(...version.thoughts.map(thoughts));
  const [prompt, cached, generated, thinking] = version.tokens;
  const saved = cached === null ? "" : ` (${cached} cached)`;
  const thought = thinking ? ` (${thinking} of them thoughts)` : "";
  part.append(element("p", `${version.model || "?"}: ${prompt} prompt tokens${saved}, ${generated} generated${thought}, ${version.seconds} s`, "quiet"));
  for (const text of version.failed_guards) part.append(element("p", `Fails a guard that is off: ${text}`, "quiet"));
  for (const text of version.left_out) {
    const more = element("details");
    more.append(element("summary", "Left out of the reply"), element("p", text, "text"));
    part.append(more);
  }
  for (const other of version.candidates) {
    const more = element("details");
    const without = other.others.length ? `, does not pass ${other.others.join(", ")}` : "";
    more.append(element("summary", `Another candidate of this round${without}`), element("p", other.text, "text"));
    part.append(more);
  }
  return part;
}

// which criteria of a rubric the criticised version meets; the reasons stand in the critique
function criteria(version) {
  if (!version.criteria.length) return [];
  const met = version.criteria.filter((one) => one.met).length;
  const list = element("ul", undefined, "quiet edits");
  for (const one of version.criteria) {
    const item = element("li");
    item.append(element("q", one.name), `: ${one.score}${one.met ? "" : ", not met"}`);
    item.title = one.reason;
    list.append(item);
  }
  return [element("p", `Criteria met: ${met} of ${version.criteria.length}`, "quiet"), list];
}

// how many checks a version passes, and the others with their messages
function checks(version) {
  const { passed, count, others, veto } = version.checks;
  const parts = [];
  if (count) parts.push(element("p", `${nameOf(version.round)}, checks passed: ${passed} of ${count}`, "quiet"));
  if (others.length) {
    const list = element("ul", undefined, "checks");
    for (const one of others) {
      const item = element("li");
      const how = one.failed ? "fails" : "could not be run";
      item.append(element("b", `${one.name} ${how}`, one.failed ? "lost" : "tied"));
      if (one.message) item.append(element("span", one.message, "text"));
      list.append(item);
    }
    parts.push(list);
  }
  if (veto) parts.push(element("p", `Not kept: it breaks ${veto.checks}, which ${veto.kept === 0 ? "the original" : `version ${veto.kept}`} passes.`, "quiet"));
  return parts;
}

// how many edits made a version, and which were not applied as they were written
function edits(version) {
  if (version.unusable_edits !== null) {
    return [element("p", `A rewrite, because its edits could not be used: ${version.unusable_edits}`, "quiet")];
  }
  if (!version.edits || !version.edits.count) return [];
  const { count, applied, remarks } = version.edits;
  const parts = [element("p", `${count === 1 ? "1 edit" : `${count} edits`}, ${applied} applied`, "quiet")];
  if (remarks.length) {
    const list = element("ul", undefined, "quiet edits");
    for (const one of remarks) {
      const item = element("li");
      item.append(element("q", one.passage), `: ${one.remark}`);
      list.append(item);
    }
    parts.push(list);
  }
  return parts;
}

function thoughts(one) {
  const part = element("details");
  const what = `Round ${one.round}, ${one.kind}, try ${one.attempt}: ${one.text.length} characters of thoughts`;
  part.append(element("summary", what), element("p", one.text, "text"));
  return part;
}

function rejected(one) {
  const guard = one.guard === null ? "" : ` (${one.guard})`;
  const what = `Round ${one.round}, ${one.kind}, try ${one.attempt}, rejected${guard}: ${one.reason}`;
  if (one.reply === null) return element("p", what, "quiet");
  const part = element("details");
  const more = one.left_out ? ` … and ${one.left_out} more characters` : "";
  part.append(element("summary", what), element("p", one.reply + more, "text"));
  return part;
}

function verdicts(given) {
  const table = element("table", undefined, "verdicts");
  const head = table.createTHead().insertRow();
  for (const name of ["Judge", "Round", "Compared with", "Order", "Later text", "Reason"]) {
    const cell = element("th", name);
    cell.scope = "col";
    head.append(cell);
  }
  const body = table.createTBody();
  for (const one of given) {
    const row = body.insertRow();
    for (const text of [one.judge, one.round, one.against, one.order, one.result, one.reason]) {
      row.append(element("td", text, text === one.result ? one.result : undefined));
    }
  }
  const scroll = element("div", undefined, "scroll");
  scroll.append(table);
  return scroll;
}

function fields(own) {
  return Object.entries(own).map(([name, value]) => element("p", `${name}: ${value}`, "text quiet"));
}

function open(place) {
  current = place;
  const row = found[place], one = details(row.number), last = one.versions[one.kept];
  byId("opened-title").textContent = one.id;
  const parts = [element("span", index.results[row.result], `badge ${row.result}`)];
  for (const turn of one.prompt) {
    parts.push(element("h3", turn.role === "user" ? "Prompt" : turn.role), element("p", turn.text, "text"));
  }
  parts.push(...fields(one.fields));
  const first = one.versions[0];
  parts.push(element("h3", one.kept === 0 ? "The original was kept" : "Original and kept version"));
  if (first.text === last.text) parts.push(element("p", first.text, "text version"));
  else parts.push(sides(first, last, one.changes, ["Original", nameOf(one.kept)]));
  parts.push(...checks(first));
  if (one.verdicts.length) parts.push(element("h3", "Verdicts"), verdicts(one.verdicts));
  parts.push(...one.versions.slice(1).map((version) => round(version, one.versions)));
  parts.push(...one.rejected.map(rejected));
  parts.push(...one.thoughts.map(thoughts));
  parts.push(element("p", one.end === null ? "Not finished." : one.end, "quiet"));
  byId("details").replaceChildren(...parts);
  byId("details").scrollTop = 0;
  byId("previous").disabled = place === 0;
  byId("next").disabled = place === found.length - 1;
  if (!byId("opened").open) byId("opened").showModal();
  byId("details").focus();
}

function step(by) {
  if (found[current + by]) open(current + by);
}

// --- start

function start() {
  fillSelect(byId("result"), ranks.map((name) => [name, rows.filter((row) => row.result === name).length])
    .filter(([, count]) => count), (name) => index.results[name]);
  fillSelect(byId("reason"), countBy((row) => row.reason), (name) => index.reasons[name]);
  for (const name of index.fields) byId("field").append(element("option", name));
  for (const part of document.querySelectorAll(".own")) part.hidden = !index.fields.length;
  offerValues();
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("filters").addEventListener("input", filterSoon);
  byId("filters").addEventListener("reset", filterSoon);
  byId("field").addEventListener("change", offerValues);
  byId("list").addEventListener("keydown", onListKey);
  byId("list").addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button) open(Number(button.dataset.place));
  });
  byId("previous-page").addEventListener("click", () => show((page - 1) * SHOWN));
  byId("next-page").addEventListener("click", () => show((page + 1) * SHOWN));
  byId("close").addEventListener("click", () => byId("opened").close());
  byId("previous").addEventListener("click", () => step(-1));
  byId("next").addEventListener("click", () => step(1));
  byId("opened").addEventListener("close", () => show(current, true));
  byId("opened").addEventListener("keydown", (event) => {
    if (event.key === "ArrowRight") step(1);
    if (event.key === "ArrowLeft") step(-1);
  });
  show(0);
}

start();
