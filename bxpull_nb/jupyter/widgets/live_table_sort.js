// The order of the rows by a column. The kernel sorts all rows that are kept and sends the first
// of them, each with its place; this page finds the places of rows that come later.

const NUMBER = /^[+-]?\d+(\.\d+)?([eE][+-]?\d+)?$/;

function markSorted({ ui: { head }, sort, columns }) {
  columns.forEach((name, i) => {
    const cell = head.children[i];
    if (sort?.column === name) cell.setAttribute("aria-sort", sort.down ? "descending" : "ascending");
    else cell.removeAttribute("aria-sort");
    cell.firstChild.title = sort?.column !== name ? "Sort all events by this column"
      : sort.down ? "Back to the order of arrival" : "Sort the other way round";
  });
}

function nextSort(view, column) {
  const { sort } = view;
  askSort(view, sort?.column !== column ? { column, down: false } : sort.down ? null : { column, down: true });
  announce(view, () => (view.sort ? `Sorted by ${columnOf(view, column).title}, ${view.sort.down ? "descending" : "ascending"}`
    : "In the order of arrival"));
}

// Until the kernel has sorted all, the rows that the page has are in that order.
function askSort({ mirror, model }, sort) {
  mirror.sorting = performance.now();
  model.send({ kind: "sort", sort });
  sortViews(mirror, sort);
}

function sortViews(mirror, sort) {
  mirror.sort = sort;
  for (const view of mirror.views) setSort(view, sort);
}

// Takes the kernel's order, unless the user has asked for another one since.
function takeSort(mirror, { sort, ordered, placed }) {
  const asked = JSON.stringify(sort) === JSON.stringify(mirror.sort);
  Object.assign(mirror, { ordered, placed });
  if (!asked && mirror.sorting && performance.now() - mirror.sorting < ASK_AGAIN_MS) return;
  mirror.sorting = sort && ordered === null ? performance.now() : 0;
  if (!asked) sortViews(mirror, sort);
}

// The tail cannot be followed while rows are sorted; the old choice returns with the order.
function setSort(view, sort) {
  const { follow, scroll } = view.ui;
  if (sort && !view.sort) view.followed = view.follow;
  const followed = sort ? false : view.followed;
  view.sort = sort;
  showColumn(view, sort?.column);
  view.follow = follow.checked = followed;
  follow.disabled = Boolean(sort);
  follow.parentNode.title = sort ? "Not while the rows are sorted" : "Keep the newest row in sight";
  markSorted(view);
  update(view, true);
  view.anchor = null;
  scroll.scrollTop = view.top = 0;
}

// Returns the rows as the view shows them; paused ones have no places.
function inOrder(view, rows) {
  const { sort, mirror } = view;
  if (!sort) return mirror.ordered === null ? rows : [...rows].sort((a, b) => a.n - b.n);
  const { i, path } = columnOf(view, sort.column);
  const keyed = (some) => some.map((row) => ({ row, key: keyOf(row, sort.column, i, path) }));
  const compare = comparison(sort.down ? -1 : 1);
  if (mirror.sorting || rows !== mirror.rows) return keyed(rows).sort(compare).map(({ row }) => row);
  const [placed, later] = [true, false].map((is) => keyed(rows.filter((row) => row.placed === is)));
  return merged(placed, later.sort(compare), compare, mirror.placed >= mirror.ordered).map(({ row }) => row);
}

// Puts later rows between those with a place; after the last one there may be others, not loaded yet.
function merged(placed, later, compare, whole) {
  const all = [];
  let i = 0;
  for (const one of later) {
    while (i < placed.length && compare(placed[i], one) <= 0) all.push(placed[i++]);
    if (i === placed.length && !whole) break;
    all.push(one);
  }
  return all.concat(placed.slice(i));
}

// A rank and a value: in a column of a path, numbers come before texts; missing values are last.
function keyOf({ cells }, column, i, path) {
  const value = path === undefined ? cells[i] : cells[8]?.[path];
  if (value == null || (column === "params" && cells[7] != null)) return [2, 0];
  if (typeof value !== "string") return [0, value];
  if (path === undefined) return [1, value.toLowerCase()];
  const text = column.includes("[]") ? value.replace(/^\[|\]$|"/g, "") : value; // as the kernel joins several
  return NUMBER.test(text) ? [0, Number(text)] : [1, text.toLowerCase()];
}

// Equal rows stay in the order of arrival.
function comparison(sign) {
  return ({ key: [a, x], row: { n } }, { key: [b, y], row: { n: m } }) => {
    if (a !== b) return a === 2 || b === 2 ? a - b : sign * (a - b);
    return x === y ? n - m : x < y ? -sign : sign;
  };
}

// The next rows of the order, before the last of those in the page is in sight.
function askPlaces(view, below) {
  const { placed, ordered, sorting } = view.mirror;
  if (below < NEAR * ROW && !sorting && placed < Math.min(ordered, MOST_HELD)) askPage(view, { place: placed });
}

// Rows of a snapshot are in the kernel's order; those that follow come after them as they arrive.
function withLater(rows, message, cells, newFrom) {
  const placed = message.kind === "snapshot";
  const fresh = numbered(message, cells, newFrom).map((row) => ({ ...row, placed }));
  return placed ? fresh : [...rows, ...fresh.filter((row) => row.n >= newFrom)];
}

function withPlaces(mirror, rows, { place, placed }) {
  if (place !== mirror.placed) return {};
  const known = new Set(rows.map((row) => row.n));
  const held = mirror.rows.filter((row) => !known.has(row.n));
  const [before, later] = [true, false].map((is) => held.filter((row) => row.placed === is));
  return { placed, rows: [...before, ...rows.map((row) => ({ ...row, placed: true })), ...later] };
}

// A column that is sorted by is shown.
function showColumn(view, name) {
  const box = view.boxes.find(({ value }) => value === name);
  if (!box || box.checked) return;
  box.checked = true;
  setColumns(view);
}

function sortText({ mirror, sort, frozen }, total) {
  if (mirror.sorting) return ["sorting …"];
  if (!sort) return [];
  const held = frozen?.length ?? Math.min(mirror.ordered, MOST_HELD);
  return [held < total && (frozen || held === MOST_HELD) ? `sorted: the ${frozen ? "" : "first "}${grouped(held)}` : "sorted"];
}
