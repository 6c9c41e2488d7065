// The bar above the table: the search, and a chip for each other filter.

const SEND_MS = 150; // from the last change of a filter to the message to the kernel
const SEARCH_HELP = `Words, in module, command, params or error: won "in progress"
A field: command:deal*   module:crm   channel:shared   sender:7   mid:…
A value inside params: params.stage:WON   params.items[].sku:A-1
Greater or less: params.sum>1000   lag>250   time<2026-01-31T12:30
A minus excludes: -command:message.   OR: this OR that.
Quotes mean exactly this text, upper and lower case too.`;
const ALL = { text: "", module: null, command: null, since_us: null, until_us: null };

function buildBar(id) {
  const filter = make("input", { type: "search", class: "bxlt-filter", placeholder: "Search all events: words, field:value, params.id:15, -not, a OR b",
    "aria-label": "Search all events", title: SEARCH_HELP, "aria-controls": id, "aria-describedby": `${id}-mistake`, spellcheck: "false", autocomplete: "off" });
  const count = make("span", { class: "bxlt-count" });
  const follow = make("input", { type: "checkbox" });
  const pause = make("button", { type: "button", class: "bxlt-pause" }, "Pause");
  const chips = make("span", { class: "bxlt-chips" });
  const columns = make("button", { type: "button", class: "bxlt-choose",
    "aria-expanded": "false", "aria-controls": `${id}-menu` }, "Columns");
  const menu = make("div", { id: `${id}-menu`, class: "bxlt-menu", role: "group", "aria-label": "Columns to show", hidden: "" });
  const followLabel = make("label", { class: "bxlt-follow", title: "Keep the newest row in sight" }, follow, "Follow");
  const mistake = make("div", { class: "bxlt-mistake", id: `${id}-mistake`, role: "alert", hidden: "" });
  const fold = make("button", { type: "button", class: "bxlt-fold", "aria-expanded": "false", "aria-controls": `${id}-facets` }, "Facets");
  const bar = make("div", { class: "bxlt-bars", ...OWN_KEYS },
    make("div", { class: "bxlt-bar" }, filter, chips, count, followLabel, pause, fold,
      make("div", { class: "bxlt-columns" }, columns, menu)), mistake);
  return { bar, mistake, fold, filter, count, follow, pause, chips, columns, menu };
}

function wireBar(view) {
  const { filter, follow, pause } = view.ui;
  filter.addEventListener("input", () => choose(view, { text: filter.value }));
  filter.addEventListener("keydown", (event) => {
    if (event.key === "Escape") choose(view, { text: (filter.value = "") });
  });
  follow.addEventListener("change", () => setFollow(view, follow.checked));
  pause.addEventListener("click", () => setPaused(view, !view.frozen));
  wireMenu(view);
}

// Applies the user's choice, and sends it to the kernel once it has settled.
function choose(view, changes) {
  const { mirror, model } = view;
  setFilters(view, { ...view.filters, ...changes });
  mirror.filters = view.filters;
  sendFilters(mirror, model);
  announce(view, () => countText(view));
}

function sendFilters(mirror, model) {
  mirror.pending = true;
  clearTimeout(mirror.sendTimer);
  mirror.sendTimer = setTimeout(
    () => model.send({ kind: "filters", asked: mirror.shows, filters: mirror.filters }), SEND_MS);
}

function setFilters(view, filters) {
  view.filters = filters;
  if (view.ui.filter.value !== filters.text) view.ui.filter.value = filters.text;
  drawChips(view);
  update(view, true);
}

// Takes the kernel's filters; a text that is on its way to the kernel stays, and is sent again.
function takeFilters(mirror, { kind, asked, filters }, _buffers, model) {
  if (!filters || (mirror.filters && asked <= mirror.shows)) return;
  const typed = mirror.pending && kind === "show";
  mirror.shows = asked;
  mirror.filters = typed ? { ...filters, text: mirror.filters.text } : filters;
  if (typed) sendFilters(mirror, model);
  else clearTimeout(mirror.sendTimer);
  for (const view of mirror.views) setFilters(view, mirror.filters);
}

function drawMistake({ ui: { mistake, filter }, mirror }) {
  mistake.hidden = !mirror.mistake;
  mistake.textContent = seen(mirror.mistake);
  filter.setAttribute("aria-invalid", Boolean(mirror.mistake));
}

// A chip for each filter that is no part of the search, to remove it.
function drawChips(view) {
  const { module, command, since_us: since, until_us: until } = view.filters;
  const ends = [since, until].map((us) => (us === null ? "…" : utc(us / 1000)));
  const chips = [["module", module, { module: null }], ["command", command, { command: null }]]
    .map(([name, value, none]) => value !== null && chip(view, `${name} filter`, `${name} ${cut(value, 40)}`, `Only ${name} ${value}.`, none));
  if (since !== null || until !== null) chips.push(chip(view, "time filter", spanText(since, until),
    `Received from ${ends[0]} to ${ends[1]}.`, { since_us: null, until_us: null }));
  view.ui.chips.replaceChildren(...chips.filter(Boolean));
}

function chip(view, kind, shown, title, none) {
  const node = make("button", { type: "button", class: "bxlt-chip", "aria-label": `Remove the ${kind} ${shown}`,
    title: `${title} Click to remove this filter.` }, `${shown} `, make("span", { "aria-hidden": "true" }, "×"));
  node.addEventListener("click", () => {
    choose(view, none);
    view.ui.filter.focus();
  });
  return node;
}

function spanText(since, until) {
  const whole = [since, until].every((us) => us === null || us % 1e6 === 0);
  const [from, to] = [since, until].map((us) => us !== null && (whole ? CLOCK_S : CLOCK).format(us / 1000));
  if (since === null) return `before ${to}`;
  return until === null ? `from ${from}` : `${from}–${to}`;
}
