// The facets: values of the rows found, with counts; a click puts one into the search.

const FACETS = ["module", "command", "channel", "sender", "source"];
const WIDE = 900; // px: from here on they are at the left of the table
const FIRST = 8; // values shown until "more" is pressed

function buildFacets(id) {
  const lists = make("div", { class: "bxlt-lists" });
  const facets = make("aside", { id: `${id}-facets`, class: "bxlt-facets", "aria-label": "Facets", hidden: "", ...OWN_KEYS }, lists);
  return { facets, lists };
}

function wireFacets(view) {
  const { facets, fold, root } = view.ui;
  Object.assign(view, { facetNames: [...FACETS], more: new Set(), facetsShown: null, drawnFacets: "" });
  facets.append(pathInput("Add a facet: params.stage", (name) => setFacetNames(view, [...view.facetNames, name])));
  fold.addEventListener("click", () => showFacets(view, facets.hidden, true));
  view.widths = new ResizeObserver(() => {
    const wide = root.clientWidth >= WIDE;
    root.classList.toggle("bxlt-wide", wide);
    if (root.clientWidth && !view.folded) showFacets(view, wide);
  });
  view.widths.observe(root);
}

// Once the user has folded or opened them, their width decides no more.
function showFacets(view, shown, byUser = false) {
  const { facets, fold } = view.ui;
  view.folded ||= byUser;
  if (view.facetsShown === shown) return;
  view.facetsShown = shown;
  facets.hidden = !shown;
  fold.setAttribute("aria-expanded", shown);
  fold.classList.toggle("bxlt-on", shown);
  setFacetNames(view, view.facetNames);
}

function setFacetNames(view, names) {
  view.facetNames = [...new Set(names)];
  const shown = [...view.mirror.views].filter((one) => one.facetsShown);
  view.model.send({ kind: "facets", names: [...new Set(shown.flatMap((one) => one.facetNames))] });
}

function takeFacet(mirror, { name }) {
  for (const view of mirror.views) {
    view.facetNames = [...new Set([...view.facetNames, name])];
    if (view.facetsShown) setFacetNames(view, view.facetNames);
    else showFacets(view, true, true);
  }
}

function takeFacets(mirror, message, buffers) {
  mirror.facets = decoded(buffers);
  mirror.views.forEach(drawFacets);
}

function drawFacets(view) {
  const { mirror, ui: { lists, facets } } = view;
  if (facets.hidden) return;
  const shown = (mirror.facets ?? []).filter(({ name, values }) => view.facetNames.includes(name)
    && (name !== "source" || values.length > 1 || view.filters.text.includes("source:")));
  const key = JSON.stringify([shown, view.filters.text, [...view.more]]);
  if (key === view.drawnFacets || lists.matches(":active")) return; // nothing moves under a press
  view.drawnFacets = key;
  const focused = lists.getRootNode().activeElement?.dataset?.key;
  lists.replaceChildren(...shown.map((facet) => drawFacet(view, facet)));
  if (focused) [...lists.querySelectorAll("[data-key]")].find((node) => node.dataset.key === focused)?.focus();
}

function drawFacet(view, { name, values, others }) {
  const all = view.more.has(name);
  const most = Math.max(1, ...values.map(([, count]) => count));
  const rows = values.slice(0, all ? values.length : FIRST).map((pair) => drawValue(view, name, pair, most));
  const hidden = values.length - rows.length + others;
  const more = make("button", { type: "button", class: "bxlt-more", "data-key": `${name} more` }, all ? "fewer" : `${grouped(hidden)} more`);
  more.addEventListener("click", () => {
    if (!view.more.delete(name)) view.more.add(name);
    drawFacets(view);
  });
  const empty = values.length ? [] : [make("div", { class: "bxlt-none" }, "no values")];
  return make("section", { "aria-label": `Values of ${name}` }, drawTitle(view, name), ...rows, ...empty,
    ...(all || (hidden && values.length > FIRST) ? [more] : []));
}

function drawTitle(view, name) {
  const title = make("h5", { title: name }, name);
  if (FACETS.includes(name)) return title;
  const close = make("button", { type: "button", class: "bxlt-drop", "aria-label": `Remove the facet ${name}`, title: "Remove this facet" }, "×");
  close.addEventListener("click", () => setFacetNames(view, view.facetNames.filter((one) => one !== name)));
  title.append(close);
  return title;
}

function drawValue(view, name, [value, count], most) {
  const term = termOf(name, value);
  const [only, without] = [hasTerm(view.filters.text, term), hasTerm(view.filters.text, `-${term}`)];
  const button = make("button", { type: "button", class: "bxlt-value", "aria-pressed": only, "data-key": term, title: `Only ${term}` },
    make("span", { class: "bxlt-value-name" }, value === "" ? "(empty)" : value), make("span", { class: "bxlt-value-count" }, grouped(count)));
  button.style.setProperty("--bxlt-share", `${(100 * count) / most}%`);
  button.addEventListener("click", () => search(view, toggled(view.filters.text, term, name)));
  const not = make("button", { type: "button", class: "bxlt-not", "data-key": `-${term}`, "aria-pressed": without,
    "aria-label": `Without ${term}`, title: `Without ${term}` }, "−");
  not.addEventListener("click", () => search(view, toggled(view.filters.text, `-${term}`, null)));
  return make("div", { class: "bxlt-value-row" }, button, not);
}

const search = (view, text) => choose(view, { text });

// The term on a field as live_table.py's language has it, plain where that means the same.
function termOf(name, value) {
  if (value.endsWith("…")) return `${name}:"${escapedQuotes(value.slice(0, -1))}"`;
  return /^[\p{L}\p{N}_.:/@+-]+$/u.test(value) && value !== "null" ? `${name}:${value}` : `${name}:"${escapedQuotes(value)}"`;
}

const escapedQuotes = (value) => value.replace(/\\/g, "\\\\").replace(/"/g, '\\"');
const terms = (text) => text.match(/(?:"(?:[^"\\]|\\.)*"|[^\s"])+|"\S*/g) ?? [];
const hasTerm = (text, term) => terms(text).includes(term);

// Takes the term into each alternative of the search or out of it; only one value of a field can be met.
function toggled(text, term, field) {
  const out = hasTerm(text, term);
  const sides = [[]];
  for (const one of terms(text)) {
    if (one === "OR") sides.push([]);
    else if (one !== term && !(field && one.startsWith(`${field}:`))) sides.at(-1).push(one);
  }
  const fresh = sides.map((side) => (out ? side : [...side, term]).join(" "));
  return fresh.every(Boolean) ? fresh.join(" OR ") : fresh.filter(Boolean).join(" OR ");
}
