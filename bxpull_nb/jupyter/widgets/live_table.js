// The page's half of LiveTable: mirrors the newest rows and draws those in sight.
// live_table.py describes the messages.

const ROW = 24; // px, the height of a row; as in the style sheet
const HEAD = 30; // px, the head and the borders
const SPARE = 6; // rows drawn beyond either edge

const EMPTY = { rows: [], atEnd: true, newer: 0, paged: 0, noOlder: false, asking: false, counts: {}, marks: [] };
export default () => widget({ ...EMPTY, flags: [], flagged: 0, filters: null, shows: 0, sendTimer: 0,
  answer: null, pending: false, sort: null, ordered: null, placed: 0, sorting: 0, mistake: "", paths: [], rowPaths: [], facets: null }, receive, mount);

function receive(mirror, model, message, buffers) {
  const take = { show: takeFilters, mistake: takeMistake, facets: takeFacets, columns: takePaths, facet: takeFacet, page: takePage }[message.kind];
  if (take) return take(mirror, message, buffers, model);
  const known = message.epoch === mirror.epoch;
  const whole = message.kind === "snapshot";
  const end = known ? mirror.end : 0;
  if (known && !whole && message.answer !== mirror.answer && mirror.answer !== null) return; // of an answer before
  const searched = message.found !== undefined;
  const otherColumns = whole && String(message.paths) !== String(mirror.rowPaths);
  if (otherColumns) mirror.rowPaths = message.paths;
  const replaced = !known || otherColumns || (whole && (mirror.hole || message.start > end || searched || message.answer !== mirror.answer || !mirror.atEnd));
  const kept = replaced ? [] : mirror.rows;
  if (replaced) Object.assign(mirror, EMPTY);
  const cells = message.count ? decoded(buffers) : [];
  const newFrom = known && message.answer === mirror.answer ? end : Infinity;
  if (whole) takeSort(mirror, message);
  if (mirror.ordered !== null) mirror.rows = withLater(kept, message, cells, newFrom);
  else if (mirror.atEnd) mirror.rows = joined(kept, message, cells, newFrom).slice(-(model.get("rows") + mirror.paged));
  else mirror.newer += message.count;
  Object.assign(mirror, { epoch: message.epoch, answer: message.answer, end: message.end, counts: countsOf(message) });
  takeFlags(mirror, message, known);
  if (whole) takeWhole(mirror, message);
  const missed = mirror.flagged !== message.flagged || message.asked > mirror.shows;
  mirror.hole = !whole && (message.start > end || missed || (known && mirror.hole));
  askForMissing(mirror, model);
  for (const view of mirror.views) {
    if (replaced) forgetDrawn(view);
    update(view, known);
  }
}

const countsOf = ({ found, kept, searched, kept_from: keptFrom }) => ({ found, kept, searched, keptFrom });

function takeWhole(mirror, message) {
  Object.assign(mirror, { marks: message.marks, pending: false, mistake: message.mistake });
  takeFilters(mirror, message);
  takePaths(mirror, message);
}

function takeMistake(mirror, { text }) {
  Object.assign(mirror, { mistake: text, pending: false });
  for (const view of mirror.views) update(view, true);
}

// Returns a new array each time: painted or paused rows keep the one they have.
function joined(rows, message, cells, newFrom) {
  const last = rows.length ? rows.at(-1).n : -1;
  return rows.concat(numbered(message, cells, newFrom).filter((row) => row.n > last));
}

// `at` is the time of arrival, for the mark of new rows.
function numbered({ start, numbers }, cells, newFrom) {
  const now = performance.now();
  return cells.map((row, i) => {
    const n = numbers?.[i] ?? start + i;
    return { n, cells: row, at: n >= newFrom ? now : -Infinity };
  });
}

function mount(mirror, model, el) {
  const id = `bxlt-${randomId()}`;
  const view = {
    mirror, model, id, ui: build(model, id), drawn: new Map(), shown: [], items: [], painted: [],
    filters: mirror.filters ?? ALL, columns: [], drawnPaths: "", sort: null, followed: true,
    frozen: null, follow: true, over: false, seen: -1, anchor: null, top: 0, hidden: true,
    selected: null, active: null, frame: 0, announceTimer: 0,
  };
  wireBar(view);
  wireFacets(view);
  wire(view);
  enter(view, el, view.ui.scroll);
  setFilters(view, view.filters);
  if (mirror.sort) setSort(view, mirror.sort);
  return () => {
    document.removeEventListener("pointerdown", view.closeMenu);
    model.off("change:empty", view.repaint);
    leave(view);
  };
}

function build(model, id) {
  const bar = buildBar(id);
  const head = make("div", { role: "row", class: "bxlt-head", "aria-rowindex": 1 });
  const body = make("div", { role: "rowgroup", class: "bxlt-body" });
  const note = make("div", { class: "bxlt-note" });
  const scroll = make("div", { id, class: "bxlt-scroll", role: "grid", tabindex: 0, "aria-label": "Events",
    "aria-live": "off", ...OWN_KEYS },
  make("div", { role: "rowgroup", class: "bxlt-top" }, head), body, note);
  scroll.style.height = `${HEAD + Math.max(3, Math.round((model.get("height") - HEAD) / ROW)) * ROW}px`;
  bar.follow.checked = true;
  const fresh = make("button", { type: "button", class: "bxlt-fresh", hidden: "", "aria-controls": id });
  const table = make("div", { class: "bxlt-table" }, scroll, fresh);
  const facets = buildFacets(id);
  const columns = make("div", { class: "bxlt-halves" }, facets.facets, table);
  return { ...bar, ...facets, root: make("div", { class: "bx bxlt" }, bar.bar, columns), head, body, note, scroll, table, fresh };
}

function wire(view) {
  const { scroll, head, body, table, fresh } = view.ui;
  scroll.addEventListener("scroll", () => noteScroll(view), { passive: true });
  scroll.addEventListener("keydown", (event) => onKey(view, event));
  head.addEventListener("click", (event) => {
    const button = event.target.closest(".bxlt-sort");
    if (button) nextSort(view, button.dataset.column);
  });
  // On press, for a row that moves between press and release would lose the click. A finger that
  // presses may be about to scroll.
  body.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "touch" && event.button === 0) selectAt(view, event.target);
  });
  body.addEventListener("click", (event) => {
    if (event.pointerType === "touch") selectAt(view, event.target);
  });
  for (const name of ["pointerenter", "pointermove"]) table.addEventListener(name, (event) => holdUnder(view, event));
  table.addEventListener("pointerleave", () => letGo(view));
  fresh.addEventListener("click", () => {
    view.over = false;
    setFollow(view, true);
  });
  view.model.on("change:empty", view.repaint = () => schedule(view));
}

function selectAt(view, target) {
  const node = target.closest(".bxlt-row");
  if (node) select(view, Number(node.dataset.n));
}

// Nothing moves under the pointer: the row there is the one that stays in place.
function holdUnder(view, { clientY, pointerType }) {
  if (pointerType === "touch") return;
  const { scroll } = view.ui;
  const below = clientY - scroll.getBoundingClientRect().top - HEAD;
  if (below < 0) return letGo(view); // over the titles
  view.over = true;
  view.anchor = heldAt(view, scroll.scrollTop, below) ?? view.anchor;
}

function letGo(view) {
  if (!view.over) return;
  view.over = false;
  if (view.ui.scroll.clientHeight) setFollow(view, view.follow); // else it was hidden by another tab
}

// Takes over the mirror's rows; `known` is false when they are of another log than before.
function update(view, known) {
  if (view.answer !== view.mirror.answer) {
    view.answer = view.mirror.answer;
    view.seen = view.mirror.rows.at(-1)?.n ?? -1;
  }
  if (!known) {
    view.selected = view.active = view.anchor = null;
    view.followed = true;
    view.seen = -1;
    if (!view.sort) view.follow = view.ui.follow.checked = true;
    if (view.frozen) setPaused(view, false);
  }
  view.shown = inOrder(view, view.frozen ?? view.mirror.rows);
  view.items = withFlags(view, view.shown);
  drawMistake(view);
  drawFacets(view);
  schedule(view);
}

function setPaused(view, paused) {
  view.frozen = paused ? view.mirror.rows : null;
  view.ui.pause.textContent = paused ? "Resume" : "Pause";
  view.ui.pause.classList.toggle("bxlt-on", paused);
  update(view, true);
  announce(view, () => (paused ? "Paused" : "Resumed"));
}

// Without following, the row at the upper edge stays there while others come and go.
function setFollow(view, follow) {
  if (follow && !view.mirror.atEnd && !view.sort) jumpToEnd(view);
  if (!follow || view.sort) view.anchor = anchorAt(view, view.ui.scroll.scrollTop);
  view.follow = view.ui.follow.checked = follow && !view.sort;
  schedule(view);
}

// At the upper end of sorted rows no row is held there.
function anchorAt(view, scrollTop) {
  return view.sort && scrollTop < 1 ? null : heldAt(view, scrollTop, 0);
}

// The row so many pixels below the head, and where the scroll position is from its upper edge.
function heldAt(view, scrollTop, below) {
  const at = Math.floor((scrollTop + below) / ROW);
  const row = view.painted[at];
  return row ? { n: row.n, offset: scrollTop - at * ROW } : null;
}

// A chosen row stays in sight: the tail is no longer followed.
function select(view, n) {
  view.selected = view.active = n;
  if (view.follow) setFollow(view, false);
  paint(view);
  view.model.send({ kind: "select", epoch: view.mirror.epoch, row: n });
}

// Notes the user's scrolling; the view's own is known by `view.top`.
function noteScroll(view) {
  const { scroll } = view.ui;
  if (view.hidden || Math.abs(scroll.scrollTop - view.top) < 1) return;
  const up = scroll.scrollTop < view.top;
  view.top = scroll.scrollTop;
  const below = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight;
  setFollow(view, below < ROW / 2 && view.mirror.atEnd);
  askFurther(view, up, below);
}

// The index of row `n`, or of its old place when it is gone; among sorted rows -1 then.
function indexOf(view, rows, n) {
  if (view.sort) return rows.findIndex((row) => row.n === n);
  return rows.findLastIndex((row) => row.n < n) + 1;
}

function onKey(view, event) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.target !== view.ui.scroll) return;
  if (!view.shown.length) return;
  if (view.frame) paint(view);
  const last = view.shown.length - 1;
  const known = view.active === null ? -1 : indexOf(view, view.shown, view.active);
  const at = known < 0 ? (view.sort ? -1 : last + 1) : Math.min(known, last);
  const page = Math.max(1, Math.floor(view.ui.scroll.clientHeight / ROW) - 2);
  const moves = { ArrowUp: at - 1, ArrowDown: at + 1, PageUp: at - page, PageDown: at + page, Home: 0, End: last };
  if (event.key === "Home" && !view.sort && hasOlder(view.mirror)) goToOldest(view);
  else if (event.key === "End" && !view.mirror.atEnd) setFollow(view, true);
  else if (event.key in moves) activate(view, Math.max(0, Math.min(last, moves[event.key])), last);
  else if ((event.key === "Enter" || event.key === " ") && view.active !== null) select(view, view.active);
  else return;
  event.preventDefault();
}

function activate(view, i, last) {
  const { scroll } = view.ui;
  const room = scroll.clientHeight - HEAD;
  view.active = view.shown[i].n;
  view.over = false;
  const at = indexOf(view, view.items, view.active); // flags are in between
  scroll.scrollTop = Math.max((at + 1) * ROW - room, Math.min(at * ROW, scroll.scrollTop));
  view.top = scroll.scrollTop;
  setFollow(view, i === last);
  if (view.sort) askPlaces(view, scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight);
}

function paint(view) {
  const { scroll, body, count, note } = view.ui;
  cancelAnimationFrame(view.frame);
  view.frame = 0;
  note.textContent = noteText(view);
  count.textContent = countText(view);
  scroll.setAttribute("aria-rowcount", view.items.length + 1);
  view.hidden ||= !scroll.clientHeight;
  if (!scroll.clientHeight) return; // hidden by another tab: the observer calls again
  noteScroll(view);
  body.style.height = `${view.items.length * ROW}px`;
  scroll.scrollTop = view.follow && !view.over ? scroll.scrollHeight : held(view);
  view.top = scroll.scrollTop;
  view.painted = view.items;
  view.hidden = false;
  const first = Math.max(0, Math.floor(view.top / ROW) - SPARE);
  drawRows(view, first, Math.ceil((view.top + scroll.clientHeight) / ROW) + SPARE);
  drawFresh(view);
}

// How many rows have come since the newest one was in sight.
function drawFresh(view) {
  const { scroll, fresh } = view.ui;
  const { shown, sort, frozen, mirror } = view;
  const atEnd = scroll.scrollTop + scroll.clientHeight >= scroll.scrollHeight - ROW / 2;
  if ((atEnd && mirror.atEnd) || sort) view.seen = (frozen ?? mirror.rows).at(-1)?.n ?? -1;
  const count = sort ? 0 : mirror.newer + shown.length - (shown.findLastIndex((row) => row.n <= view.seen) + 1);
  fresh.hidden = count === 0;
  if (count) fresh.textContent = `${grouped(count)} new ↓`;
  fresh.title = view.follow ? "They come into sight when the pointer leaves the table. Click to see them now."
    : "Show the newest rows, and follow them";
}

// The scroll position that keeps the row at the upper edge there.
function held(view) {
  if (!view.anchor) return view.sort ? 0 : view.top;
  const at = indexOf(view, view.items, view.anchor.n);
  return at < 0 ? view.top : at * ROW + view.anchor.offset;
}
