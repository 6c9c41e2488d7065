// Pages of rows before and after those that the page holds.

const AT_ONCE = 2000; // rows of a page of older or newer ones; as in sent_rows.py
const MOST_HELD = 20000; // rows in the page while the user reads older ones
const NEAR = 20; // rows from an edge at which further ones are asked for

// Older or newer rows, which this page has asked for.
function takePage(mirror, message, buffers, model) {
  if (message.page !== mirror.page) return;
  mirror.asking = false;
  const { before, after, place, count } = message;
  const rows = numbered(message, count ? decoded(buffers) : [], Infinity);
  mirror.counts = countsOf(message);
  if (place !== null) Object.assign(mirror, withPlaces(mirror, rows, message));
  else if (before !== null) Object.assign(mirror, withOlder(mirror, rows));
  else Object.assign(mirror, withNewer(mirror, rows, after, model.get("rows")));
  for (const view of mirror.views) update(view, true);
}

function withOlder(mirror, rows) {
  const first = mirror.rows[0]?.n ?? Infinity;
  const all = [...rows.filter((row) => row.n < first), ...mirror.rows];
  const cut = all.length > MOST_HELD;
  return { rows: all.slice(0, MOST_HELD), paged: mirror.paged + rows.length, noOlder: rows.length < AT_ONCE,
    atEnd: mirror.atEnd && !cut, newer: mirror.newer + Math.max(0, all.length - MOST_HELD) };
}

function withNewer(mirror, rows, after, room) {
  const last = after < 0 ? -1 : mirror.rows.at(-1)?.n ?? -1;
  const all = [...(after < 0 ? [] : mirror.rows), ...rows.filter((row) => row.n > last)];
  const atEnd = rows.length < AT_ONCE;
  const paged = Math.max(0, Math.min(MOST_HELD, all.length) - room);
  return { rows: all.slice(-MOST_HELD), paged, noOlder: after < 0 || (mirror.noOlder && all.length <= MOST_HELD),
    atEnd, newer: atEnd ? 0 : Math.max(0, mirror.newer - rows.length) };
}

function askPage(view, where) {
  const { mirror, model } = view;
  if (mirror.asking && performance.now() - mirror.asking < ASK_AGAIN_MS) return;
  mirror.asking = performance.now();
  model.send({ kind: "page", page: mirror.page, answer: mirror.answer, ...where });
}

// Whether rows before the first one of the page meet the search.
function hasOlder({ rows, counts, noOlder, newer }) {
  if (!rows.length || noOlder) return false;
  return counts.found === undefined ? rows[0].n > counts.keptFrom : rows.length + newer < counts.found;
}

// Asks for further rows before the edge of those in the page is in sight.
function askFurther({ mirror, sort, frozen, top, ...view }, up, below) {
  if (frozen) return;
  if (sort) askPlaces({ mirror, ...view }, below);
  else if (up && top < NEAR * ROW && hasOlder(mirror)) askPage({ mirror, ...view }, { before: mirror.rows[0].n });
  else if (!up && below < NEAR * ROW && !mirror.atEnd) askPage({ mirror, ...view }, { after: mirror.rows.at(-1).n });
}

// The first rows of the whole answer come into the page.
function goToOldest(view) {
  setFollow(view, false);
  view.anchor = null;
  view.top = view.ui.scroll.scrollTop = 0;
  askPage(view, { after: -1 });
}

// The newest rows take the place of older ones that were read.
function jumpToEnd({ mirror, model }) {
  ask(Object.assign(mirror, { hole: true, asked: 0 }), model);
}
