// The page's half of LiveTable: it mirrors the newest rows and draws those that are in sight.
// live_table.py describes the messages. Event text is hostile: it only ever becomes text nodes
// and `title` attributes.

const ROW = 24; // px, the height of a row; as in the style sheet
const HEAD = 30; // px, the head and the borders
const SPARE = 6; // rows drawn beyond either edge
const PARAMS = 300; // characters shown
const NEW_MS = 1500; // how long a new row is marked
const ASK_AGAIN_MS = 15000;
const COLUMNS = ["time", "channel", "module", "command", "params", "lag, ms"];
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit",
  second: "2-digit", fractionalSecondDigits: 3, hourCycle: "h23" });

// anywidget calls this once per model, so that all the views of a page share one mirror.
export default () => {
  const mirror = { page: randomId(), views: new Set(), epoch: null, end: 0, rows: [], hole: false, asked: 0 };
  return {
    initialize({ model }) {
      model.on("msg:custom", (message, buffers) => receive(mirror, model, message, buffers));
    },
    render: ({ model, el }) => mount(mirror, model, el),
  };
};

// ---- the mirror
function receive(mirror, model, message, buffers) {
  const known = message.epoch === mirror.epoch;
  const whole = message.kind === "snapshot";
  const end = known ? mirror.end : 0;
  const kept = !known || (whole && (mirror.hole || message.start > end)) ? [] : mirror.rows;
  const cells = message.count ? JSON.parse(new TextDecoder().decode(buffers[0])) : [];
  mirror.rows = joined(kept, message.start, cells, known ? end : Infinity).slice(-model.get("rows"));
  mirror.epoch = message.epoch;
  mirror.end = message.start + message.count;
  mirror.hole = !whole && (message.start > end || (known && mirror.hole));
  if (mirror.hole) ask(mirror, model);
  else mirror.asked = 0;
  for (const view of mirror.views) update(view, known);
}

// A new array each time: what is painted, or paused, keeps the one it has.
function joined(rows, start, cells, newFrom) {
  const had = rows.length ? rows.at(-1).n + 1 : start;
  const now = performance.now();
  const at = (n) => (n >= newFrom ? now : -Infinity); // when it came, for the mark
  const added = cells.map((row, i) => ({ n: start + i, cells: row, at: at(start + i), key: null }));
  return rows.concat(added.slice(Math.max(0, had - start)));
}

// Asked once until answered; an answer lost on the way is asked for again after a while.
function ask(mirror, model) {
  if (mirror.asked && performance.now() - mirror.asked < ASK_AGAIN_MS) return;
  mirror.asked = performance.now();
  const end = mirror.hole ? -1 : mirror.end;
  model.send({ kind: "hello", page: mirror.page, epoch: mirror.epoch, end });
}

// ---- a view
function mount(mirror, model, el) {
  const id = `bxlt-${randomId()}`;
  const view = {
    mirror, model, id, ui: build(model, id), drawn: new Map(), shown: [], painted: [], text: "",
    frozen: null, follow: true, anchor: { n: 0, offset: 0 }, top: 0, hidden: true,
    selected: null, active: null, frame: 0, sayTimer: 0,
  };
  const observer = new ResizeObserver(() => paint(view));
  wire(view);
  el.append(view.ui.root);
  observer.observe(view.ui.scroll);
  mirror.views.add(view);
  if (mirror.views.size === 1) ask(Object.assign(mirror, { asked: 0 }), model);
  update(view, true);
  return () => {
    observer.disconnect();
    cancelAnimationFrame(view.frame);
    clearTimeout(view.sayTimer);
    mirror.views.delete(view);
    if (!mirror.views.size) model.send({ kind: "leave", page: mirror.page });
  };
}

function build(model, id) {
  const filter = make("input", { type: "search", class: "bxlt-filter", placeholder: "Filter module, command, params",
    "aria-label": "Filter by module, command and params", "aria-controls": id, spellcheck: "false", autocomplete: "off" });
  const count = make("span", { class: "bxlt-count" });
  const follow = make("input", { type: "checkbox" });
  const pause = make("button", { type: "button", class: "bxlt-pause" }, "Pause");
  const said = make("span", { class: "bxlt-said", role: "status" });
  const bar = make("div", { class: "bxlt-bar" }, filter, count,
    make("label", { class: "bxlt-follow", title: "Keep the newest row in sight" }, follow, "Follow"), pause, said);
  const names = COLUMNS.map((name) => make("div", { role: "columnheader" }, name));
  const head = make("div", { role: "row", class: "bxlt-head", "aria-rowindex": 1 }, ...names);
  const body = make("div", { role: "rowgroup", class: "bxlt-body" });
  const note = make("div", { class: "bxlt-note" });
  // Lab would take the arrow keys and Enter for its cells; the attribute is Lab's way out.
  const scroll = make("div", { id, class: "bxlt-scroll", role: "grid", tabindex: 0, "aria-label": "Events",
    "aria-live": "off", "aria-colcount": COLUMNS.length, "data-lm-suppress-shortcuts": "true" },
  make("div", { role: "rowgroup", class: "bxlt-top" }, head), body, note);
  scroll.style.height = `${HEAD + Math.max(3, Math.round((model.get("height") - HEAD) / ROW)) * ROW}px`;
  follow.checked = true;
  return { root: make("div", { class: "bxlt" }, bar, scroll), filter, count, follow, pause, said, body, note, scroll };
}

function wire(view) {
  const { filter, follow, pause, scroll, body } = view.ui;
  filter.addEventListener("input", () => setFilter(view, filter.value));
  filter.addEventListener("keydown", (event) => {
    if (event.key === "Escape") setFilter(view, (filter.value = ""));
  });
  follow.addEventListener("change", () => setFollow(view, follow.checked));
  pause.addEventListener("click", () => setPaused(view, !view.frozen));
  scroll.addEventListener("scroll", () => noteScroll(view), { passive: true });
  scroll.addEventListener("keydown", (event) => onKey(view, event));
  body.addEventListener("click", (event) => {
    const node = event.target.closest(".bxlt-row");
    if (node && document.getSelection().isCollapsed) select(view, Number(node.dataset.n));
  });
}

// Takes in what the mirror now holds; `known` is false when it is another log than before.
function update(view, known) {
  if (!known) {
    for (const node of view.drawn.values()) node.remove();
    view.drawn.clear();
    view.selected = view.active = null;
    view.follow = view.ui.follow.checked = true;
    if (view.frozen) setPaused(view, false);
  }
  const rows = view.frozen ?? view.mirror.rows;
  view.shown = view.text ? rows.filter((row) => searchText(row).includes(view.text)) : rows;
  schedule(view);
}

const schedule = (view) => (view.frame ||= requestAnimationFrame(() => paint(view)));

function searchText(row) {
  const [, , module, command, params, , error] = row.cells;
  row.key ??= [module, command, params, error && `unreadable ${error}`].join("\n").toLowerCase();
  return row.key;
}

function setFilter(view, text) {
  view.text = text.trim().toLowerCase();
  update(view, true);
  say(view, () => countText(view));
}

function setPaused(view, paused) {
  view.frozen = paused ? view.mirror.rows : null;
  view.ui.pause.textContent = paused ? "Resume" : "Pause";
  view.ui.pause.classList.toggle("bxlt-on", paused);
  update(view, true);
  say(view, () => (paused ? "Paused" : "Resumed"));
}

// Letting go remembers the row at the upper edge: it stays there while others come and go.
function setFollow(view, follow) {
  const { scrollTop } = view.ui.scroll;
  const row = view.painted[Math.floor(scrollTop / ROW)];
  if (!follow && row) view.anchor = { n: row.n, offset: scrollTop % ROW };
  view.follow = view.ui.follow.checked = follow;
  schedule(view);
}

function select(view, n) {
  view.selected = view.active = n;
  paint(view);
  view.model.send({ kind: "select", epoch: view.mirror.epoch, row: n });
}

// ---- scrolling and keys
// What the user does with the scroll bar; our own scrolling is known by `view.top`.
function noteScroll(view) {
  const { scroll } = view.ui;
  if (view.hidden || Math.abs(scroll.scrollTop - view.top) < 1) return;
  view.top = scroll.scrollTop;
  setFollow(view, scroll.scrollTop + scroll.clientHeight >= scroll.scrollHeight - ROW / 2);
}

const indexOf = (rows, n) => rows.findLastIndex((row) => row.n < n) + 1;

function onKey(view, event) {
  if (event.ctrlKey || event.altKey || event.metaKey || !view.shown.length) return;
  if (view.frame) paint(view);
  const last = view.shown.length - 1;
  const at = view.active === null ? last + 1 : Math.min(indexOf(view.shown, view.active), last);
  const page = Math.max(1, Math.floor(view.ui.scroll.clientHeight / ROW) - 2);
  const moves = { ArrowUp: at - 1, ArrowDown: at + 1, PageUp: at - page, PageDown: at + page, Home: 0, End: last };
  if (event.key in moves) activate(view, Math.max(0, Math.min(last, moves[event.key])), last);
  else if ((event.key === "Enter" || event.key === " ") && view.active !== null) select(view, view.active);
  else return;
  event.preventDefault();
}

function activate(view, i, last) {
  const { scroll } = view.ui;
  const room = scroll.clientHeight - HEAD;
  view.active = view.shown[i].n;
  scroll.scrollTop = Math.max((i + 1) * ROW - room, Math.min(i * ROW, scroll.scrollTop));
  view.top = scroll.scrollTop;
  setFollow(view, i === last);
}

// ---- painting
function paint(view) {
  const { scroll, body, count, note } = view.ui;
  cancelAnimationFrame(view.frame);
  view.frame = 0;
  note.textContent = noteText(view);
  count.textContent = countText(view);
  scroll.setAttribute("aria-rowcount", view.shown.length + 1);
  view.hidden ||= !scroll.clientHeight;
  if (!scroll.clientHeight) return; // behind another tab: the observer calls again
  noteScroll(view);
  body.style.height = `${view.shown.length * ROW}px`;
  const anchored = indexOf(view.shown, view.anchor.n) * ROW + view.anchor.offset;
  scroll.scrollTop = view.follow ? scroll.scrollHeight : anchored;
  view.top = scroll.scrollTop;
  view.painted = view.shown;
  view.hidden = false;
  const first = Math.max(0, Math.floor(view.top / ROW) - SPARE);
  drawRows(view, first, Math.ceil((view.top + scroll.clientHeight) / ROW) + SPARE);
}

function drawRows(view, first, last) {
  const { body, scroll } = view.ui;
  const wanted = view.shown.slice(first, last);
  const numbers = new Set(wanted.map((row) => row.n));
  for (const [n, node] of view.drawn) if (!numbers.has(n)) view.drawn.delete(n), node.remove();
  wanted.forEach((row, i) => {
    const node = view.drawn.get(row.n) ?? drawRow(view, row);
    node.style.top = `${(first + i) * ROW}px`;
    node.setAttribute("aria-rowindex", first + i + 2);
    node.setAttribute("aria-selected", row.n === view.selected);
    node.classList.toggle("bxlt-active", row.n === view.active);
    if (body.children[i] !== node) body.insertBefore(node, body.children[i] ?? null);
  });
  if (view.drawn.has(view.active)) scroll.setAttribute("aria-activedescendant", `${view.id}-${view.active}`);
  else scroll.removeAttribute("aria-activedescendant");
}

function drawRow(view, { n, cells, at }) {
  const [time, channel, module, command, params, lag, error] = cells;
  const bad = error !== undefined;
  const node = make("div", { role: "row", id: `${view.id}-${n}`, class: "bxlt-row", "data-n": n },
    time === null ? cell("time", null) : cell("time", CLOCK.format(time), utc(time)),
    cell("channel", channel), cell("module", module),
    bad ? cell("word", "unreadable", "This message could not be read") : cell("command", command),
    bad ? cell("params", `${error} · ${cut(params)}`, `${error}\n\n${params}`) : cell("params", cut(params), params),
    lag === null ? cell("lag", null) : cell("lag", grouped(Math.round(lag / 1000)), sentAt(time, lag)));
  node.classList.toggle("bxlt-bad", bad);
  const age = performance.now() - at;
  node.classList.toggle("bxlt-new", age < NEW_MS);
  if (age < NEW_MS) node.style.animationDelay = `${-age}ms`;
  view.drawn.set(n, node);
  return node;
}

// ---- words and numbers
function cell(name, text, title = text) {
  return make("div", { role: "gridcell", class: `bxlt-${name}`, title: title ?? "" }, text ?? "–");
}

function countText({ shown, frozen, mirror }) {
  if (!mirror.end) return frozen ? "paused" : "";
  const held = (frozen ?? mirror.rows).length;
  const parts = [`${grouped(shown.length)} of ${grouped(held)} shown`];
  if (mirror.end > held) parts.push(`${grouped(mirror.end)} in all`);
  if (frozen) parts.push("paused");
  return parts.join(" · ");
}

function noteText({ shown, mirror, model, ui }) {
  if (shown.length) return "";
  if (mirror.epoch === null) return "Waiting for the kernel…";
  return mirror.rows.length ? `Nothing matches “${ui.filter.value}”. Esc in the filter shows all.` : model.get("empty");
}

// For screen readers: changes the user made, told once they have settled; never the rows.
function say(view, text) {
  clearTimeout(view.sayTimer);
  view.sayTimer = setTimeout(() => (view.ui.said.textContent = text()), 600);
}

const cut = (text) => (text.length > PARAMS ? `${text.slice(0, PARAMS)}…` : text);
const grouped = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, "\u202f").replace("-", "−");
const utc = (ms) => `${new Date(ms).toISOString().replace("T", " ").replace("Z", "")} UTC`;
const sentAt = (time, lag) => `${(lag / 1000).toFixed(3)} ms after ${utc(time - lag / 1000)}, the portal's time`;
const randomId = () => Math.random().toString(36).slice(2); // crypto.randomUUID is for https only

// Children that are strings become text nodes, whatever they hold.
function make(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}
