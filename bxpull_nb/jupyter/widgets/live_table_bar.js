// The bars above the table: the filters, the chip of the time filter, and the column chooser.

const SEND_MS = 250; // from the last change of a filter to the message to the kernel
const OPTIONS = 500; // names offered at most; event text is hostile
const ALL = { text: "", module: null, command: null, since_us: null, until_us: null };

function buildBar(id) {
  const filter = make("input", { type: "search", class: "bxlt-filter", placeholder: "Filter module, command, params",
    "aria-label": "Filter by module, command and params", "aria-controls": id, spellcheck: "false", autocomplete: "off" });
  const select = (name) => make("select", { class: "bxlt-select", "aria-label": `Only this ${name}`, "aria-controls": id });
  const count = make("span", { class: "bxlt-count" });
  const follow = make("input", { type: "checkbox" });
  const pause = make("button", { type: "button", class: "bxlt-pause" }, "Pause");
  const chip = make("button", { type: "button", class: "bxlt-chip", hidden: "" });
  const columns = make("button", { type: "button", class: "bxlt-choose",
    "aria-expanded": "false", "aria-controls": `${id}-menu` }, "Columns");
  const menu = make("div", { id: `${id}-menu`, class: "bxlt-menu", role: "group", "aria-label": "Columns to show", hidden: "" });
  const [module, command] = [select("module"), select("command")];
  const followLabel = make("label", { class: "bxlt-follow", title: "Keep the newest row in sight" }, follow, "Follow");
  const bar = make("div", { class: "bxlt-bars", ...OWN_KEYS },
    make("div", { class: "bxlt-bar" }, filter, module, command, chip, count, followLabel, pause,
      make("div", { class: "bxlt-columns" }, columns, menu)));
  return { bar, filter, module, command, count, follow, pause, chip, columns, menu };
}

function wireBar(view) {
  const { filter, module, command, follow, pause, chip } = view.ui;
  filter.addEventListener("input", () => choose(view, { text: filter.value }));
  filter.addEventListener("keydown", (event) => {
    if (event.key === "Escape") choose(view, { text: (filter.value = "") });
  });
  for (const [name, node] of Object.entries({ module, command })) {
    node.addEventListener("change", () => choose(view, { [name]: node.selectedIndex > 0 ? node.value : null }));
    node.addEventListener("blur", () => offer(view));
  }
  chip.addEventListener("click", () => {
    choose(view, { since_us: null, until_us: null });
    filter.focus();
  });
  follow.addEventListener("change", () => setFollow(view, follow.checked));
  pause.addEventListener("click", () => setPaused(view, !view.frozen));
  wireMenu(view);
}

// ---- filters
// Applies the user's choice, and sends it to the kernel once it has settled.
function choose(view, changes) {
  const { mirror, model } = view;
  setFilters(view, { ...view.filters, ...changes });
  mirror.filters = view.filters;
  clearTimeout(mirror.sendTimer);
  mirror.sendTimer = setTimeout(
    () => model.send({ kind: "filters", asked: mirror.shows, filters: mirror.filters }), SEND_MS);
  announce(view, () => countText(view));
}

function setFilters(view, filters) {
  view.filters = filters;
  view.text = filters.text.trim().toLowerCase();
  if (view.ui.filter.value !== filters.text) view.ui.filter.value = filters.text;
  drawChip(view);
  update(view, true);
}

// Takes the kernel's filters; the text stays the user's own, except in a page just drawn.
function takeFilters(mirror, { asked, filters }) {
  if (!filters || (mirror.filters && asked <= mirror.shows)) return;
  clearTimeout(mirror.sendTimer);
  const text = mirror.filters?.text ?? filters.text;
  mirror.shows = asked;
  mirror.filters = { ...filters, text };
  for (const view of mirror.views) setFilters(view, { ...filters, text: view.filters.text || text });
}

function matching({ filters, text }, rows) {
  const { module, command, since_us: since, until_us: until } = filters;
  const timed = since !== null || until !== null;
  const [first, end] = [(since ?? -Infinity) / 1000, (until ?? Infinity) / 1000];
  if (!timed && !text && module === null && command === null) return rows;
  return rows.filter((row) => (module === null || row.cells[2] === module)
    && (command === null || row.cells[3] === command)
    && (!timed || (row.cells[0] !== null && row.cells[0] >= first && row.cells[0] < end))
    && (!text || searchText(row).includes(text)));
}

function searchText(row) {
  const [, , module, command, params, , , error] = row.cells;
  row.key ??= [module, command, params, error && `unreadable ${error}`].join("\n").toLowerCase();
  return row.key;
}

// Lets the user choose among the names in the page's rows.
function offer(view) {
  for (const [name, i] of [["module", 2], ["command", 3]]) {
    const select = view.ui[name];
    const chosen = view.filters[name];
    const place = () => (chosen === null ? 0 : [...select.options].findIndex((o, at) => at > 0 && o.value === chosen));
    // Not while the list is open: it would move under the pointer.
    if (select.getRootNode().activeElement !== select || place() < 0) fillSelect(select, name, namesIn(view.mirror.rows, i, chosen));
    select.selectedIndex = place();
    select.classList.toggle("bxlt-on", chosen !== null);
  }
}

function namesIn(rows, i, chosen) {
  const names = new Set(rows.map((row) => row.cells[i]));
  names.delete(null);
  names.delete(chosen);
  const most = [...names].sort().slice(0, OPTIONS);
  return chosen === null ? most : [...most, chosen].sort();
}

function fillSelect(select, name, texts) {
  const key = JSON.stringify(texts);
  if (select.filledWith === key) return;
  select.filledWith = key;
  const options = texts.map((text) => make("option", { value: text }, cut(text, 40)));
  select.replaceChildren(make("option", { value: "" }, `All ${name}s`), ...options);
}

function drawChip({ ui: { chip }, filters: { since_us: since, until_us: until } }) {
  chip.hidden = since === null && until === null;
  const shown = spanText(since, until);
  chip.replaceChildren(`${shown} `, make("span", { "aria-hidden": "true" }, "×"));
  chip.setAttribute("aria-label", `Remove the time filter ${shown}`);
  const ends = [since, until].map((us) => (us === null ? "…" : utc(us / 1000)));
  chip.title = `Received from ${ends[0]} to ${ends[1]}. Click to see all times.`;
}

function spanText(since, until) {
  const whole = [since, until].every((us) => us === null || us % 1e6 === 0);
  const [from, to] = [since, until].map((us) => us !== null && (whole ? CLOCK_S : CLOCK).format(us / 1000));
  if (since === null) return `before ${to}`;
  return until === null ? `from ${from}` : `${from}–${to}`;
}

// ---- the column chooser
function wireMenu(view) {
  const { columns, menu } = view.ui;
  const boxes = Object.keys(COLUMNS).map((name) => {
    const box = make("input", { type: "checkbox", value: name });
    box.addEventListener("change", () => setColumns(view, boxes));
    menu.append(make("label", {}, box, COLUMNS[name].title));
    return box;
  });
  const open = (shown) => {
    menu.hidden = !shown;
    columns.setAttribute("aria-expanded", shown);
  };
  columns.addEventListener("click", () => open(menu.hidden));
  columns.parentNode.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape" && !menu.hidden) open(false), columns.focus();
    else if (step && !menu.hidden) stepTo(boxes, step);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  // On press, Lab gives the focus to the cell: that must not close the menu before the click.
  let pressed = false;
  menu.addEventListener("pointerdown", () => (pressed = true));
  menu.addEventListener("click", () => (pressed = false));
  columns.parentNode.addEventListener("focusout", (event) => {
    // Without a target the window was left, or something that takes no focus was clicked.
    if (!pressed && event.relatedTarget && !columns.parentNode.contains(event.relatedTarget)) open(false);
  });
  view.closeMenu = (event) => event.composedPath().includes(columns.parentNode) || open(false);
  document.addEventListener("pointerdown", view.closeMenu);
  for (const box of boxes) box.checked = !COLUMNS[box.value].spare;
  setColumns(view, boxes);
}

function stepTo(boxes, step) {
  const free = boxes.filter((box) => !box.disabled);
  const at = free.indexOf(document.activeElement);
  free[at < 0 ? 0 : (at + step + free.length) % free.length].focus();
}

function setColumns(view, boxes) {
  const chosen = boxes.filter((box) => box.checked);
  for (const box of boxes) box.disabled = chosen.length === 1 && box.checked; // one has to stay
  view.columns = chosen.map((box) => box.value);
  if (view.sort && !view.columns.includes(view.sort.column)) setSort(view, null);
  drawHead(view);
  forgetDrawn(view);
  update(view, true);
}
