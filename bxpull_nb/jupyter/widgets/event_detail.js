// One event taken apart. Everything is text; branches of the tree are built when they are opened.

const OPEN_DEPTH = 2;

function render(page) {
  const root = make("div", { class: "bx bxed", role: "region", tabindex: 0, "aria-label": "The selected event", ...OWN_KEYS },
    make("p", { class: "bxed-hint" }, "Click a row of the table, or press Enter on it, to take the event apart."));
  return connect(page, root, (content, buffers) => {
    if (content.kind === "event") show(page.model, root, content, new TextDecoder().decode(buffers[0]));
  });
}

function show(model, root, { row, facts, frame, frame_size: size, cut, before, changes }, params) {
  const list = make("table", { class: "bxed-facts" },
    ...facts.map(([name, value]) => make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, value))));
  const tree = make("div", { class: "bxed-tree" },
    cut ? make("p", { class: "bxed-hint" }, "The parameters are longer than a page should hold: see feed.df.") : branch("params", parse(params), 0));
  const raw = make("details", { class: "bxed-raw" },
    make("summary", {}, frame === null ? "raw frame: no longer kept" : `raw frame, ${size} long, secrets masked`),
    make("pre", {}, frame ?? "Only the newest 32 MiB of frames are kept."));
  const close = make("button", { type: "button", class: "bxed-close", "aria-label": "Close the event", title: "Close" }, "×");
  close.addEventListener("click", () => model.send({ kind: "close" }));
  root.scrollTop = 0;
  root.replaceChildren(make("div", { class: "bxed-head" }, make("h4", {}, `Event ${row}`), close), make("div", { class: "bxed-halves" }, tree, list), ...(before === null ? [] : [differences(before, changes)]), raw);
}

// What differs from the event that was shown before: the old value, and the new one.
function differences(before, changes) {
  return make("details", { class: "bxed-changes", open: "" },
    make("summary", {}, changes.length ? `changes since event ${before}` : `no difference from event ${before}`),
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

function branch(name, value, depth) {
  const entries = entriesOf(value);
  if (!entries) return leaf(name, value);
  const size = Array.isArray(value) ? `[${entries.length}]` : `{${entries.length}}`;
  const node = make("details", {}, make("summary", {}, make("span", { class: "bxed-key" }, name), ` ${size}`));
  const fill = () => {
    if (!node.open || node.childElementCount > 1) return;
    node.append(...entries.map(([key, item]) => branch(key, item, depth + 1)));
  };
  node.addEventListener("toggle", fill);
  node.open = depth < OPEN_DEPTH && entries.length <= 50;
  fill();
  return node;
}

function entriesOf(value) {
  if (value === null || typeof value !== "object" || value instanceof Written) return null;
  return Object.entries(value);
}

function leaf(name, value) {
  const kind = value === null ? "null" : value instanceof Written ? "number" : typeof value;
  const text = value instanceof Written ? value.source : kind === "string" ? JSON.stringify(value) : String(value);
  return make("div", { class: "bxed-leaf" }, make("span", { class: "bxed-key" }, name), ": ",
    make("span", { class: `bxed-${kind}` }, text));
}

export default { render };
