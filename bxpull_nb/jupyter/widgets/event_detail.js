// One event taken apart. Everything is text; branches of the tree are built when they are opened.

const OPEN_DEPTH = 2;
const HANDLED = ["command", "module", "channel", "sender", "mid", "transport", "source"]; // facts that a search can name

function render(page) {
  const root = make("div", { class: "bx bxed", role: "region", tabindex: 0, "aria-label": "The selected event", ...OWN_KEYS },
    make("p", { class: "bxed-hint" }, "Click a row of the table, or press Enter on it, to take the event apart."));
  root.addEventListener("click", () => closeMenu(root));
  return connect(page, root, (content, buffers) => {
    if (content.kind === "handles") openMenu(page.model, root, content);
    if (content.kind === "event") show(page.model, root, content, new TextDecoder().decode(buffers[0]));
  });
}

function show(model, root, { row, facts, frame, frame_size: size, cut, entities, before, before_of: of, changes }, params) {
  Object.assign(root, { row, asked: null, status: make("span", { class: "bxed-status", role: "status" }) });
  const list = make("table", { class: "bxed-facts" },
    ...facts.map(([name, value]) => make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, HANDLED.includes(name) ? handle(model, value, "fact", name) : value))));
  const tree = make("div", { class: "bxed-tree" },
    cut ? make("p", { class: "bxed-hint" }, "The parameters are longer than a page should hold: see feed.df.") : branch(model, "params", parse(params), []));
  const raw = make("details", { class: "bxed-raw" },
    make("summary", {}, frame === null ? "raw frame: no longer kept" : `raw frame, ${size} long, secrets masked`),
    make("pre", {}, frame ?? "Only the newest 32 MiB of frames are kept."));
  const close = make("button", { type: "button", class: "bxed-close", "aria-label": "Close the event", title: "Close" }, "×");
  close.addEventListener("click", () => model.send({ kind: "close" }));
  root.scrollTop = 0;
  root.replaceChildren(make("div", { class: "bxed-head" }, make("h4", {}, `Event ${row}`), root.status, ...entities.map(([kind, id]) => traceLink(model, kind, id)), close),
    make("div", { class: "bxed-halves" }, tree, list), ...(before === null ? [] : [differences(model, before, of, changes)]), raw);
}

function traceLink(model, entity, id) {
  const link = make("button", { type: "button", class: "bxed-link", title: `All events of ${entity} ${id}, and what each changed` }, `trace ${entity} ${cut(id, 20)}`);
  link.addEventListener("click", () => model.send({ kind: "trace", entity, id }));
  return link;
}

// What differs from the event before of the same entity, or from the one that was shown before.
function differences(model, before, of, changes) {
  const since = of === null ? `event ${before}, shown before` : `event ${before}, the one before of ${of}`;
  const go = make("button", { type: "button", class: "bxed-link" }, "go to it");
  go.addEventListener("click", () => model.send({ kind: "go", row: before }));
  return make("details", { class: "bxed-changes", open: "" },
    make("summary", {}, changes.length ? `changes since ${since}` : `no difference from ${since}`), go,
    make("table", {}, ...changes.map(([sign, path, old, fresh]) => make("tr", {},
      make("td", {}, sign), make("th", { scope: "row" }, path),
      make("td", { class: "bxed-old" }, old ?? ""), make("td", { class: "bxed-new" }, fresh ?? "")))));
}

// A number as it was written, where the browser gives its text: 64-bit ids must not be rounded.
class Written {
  constructor(source) { this.source = source; }
}

function parse(text) {
  return JSON.parse(text, (_key, value, context) =>
    typeof value === "number" && context?.source ? new Written(context.source) : value);
}

function branch(model, name, value, place) {
  const entries = entriesOf(value);
  if (!entries) return leaf(model, name, value, place);
  const list = Array.isArray(value);
  const size = list ? `[${entries.length}]` : `{${entries.length}}`;
  const node = make("details", {}, make("summary", {}, make("span", { class: "bxed-key" }, name), ` ${size}`));
  const fill = () => {
    if (!node.open || node.childElementCount > 1) return;
    node.append(...entries.map(([key, item]) => branch(model, key, item, [...place, list ? Number(key) : key])));
  };
  node.addEventListener("toggle", fill);
  node.open = place.length < OPEN_DEPTH && entries.length <= 50;
  fill();
  const uses = handle(model, "⋯", "size", place);
  uses.setAttribute("aria-label", `Uses of ${name}`);
  return make("div", { class: "bxed-branch" }, node, uses);
}

function entriesOf(value) {
  if (value === null || typeof value !== "object" || value instanceof Written) return null;
  return Object.entries(value);
}

function leaf(model, name, value, place) {
  const kind = value === null ? "null" : value instanceof Written ? "number" : typeof value;
  const text = value instanceof Written ? value.source : kind === "string" ? JSON.stringify(value) : String(value);
  return make("div", { class: "bxed-leaf" }, make("span", { class: "bxed-key" }, name), ": ",
    handle(model, text, kind, place));
}

export default { render };
