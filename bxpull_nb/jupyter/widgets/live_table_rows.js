// The table: its head, the rows in sight, and their texts.

const PARAMS = 300; // characters shown
const NO_CHANNEL = "Unknown: a push server of version 5 sends all channels over one connection and does not name them.";
const NEW_MS = 1500; // how long a new row is marked
// `i` is the cell's place in a message's row; `spare` columns are hidden at first.
const COLUMNS = {
  time: { title: "time (UTC)", width: "12.5ch", min: 12.5, i: 0 },
  channel: { title: "channel", width: "9ch", min: 9, i: 1 },
  module: { title: "module", width: "11ch", min: 11, i: 2 },
  command: { title: "command", width: "22ch", min: 22, i: 3 },
  params: { title: "params", width: "minmax(20ch, 1fr)", min: 20, i: 4 },
  mid: { title: "mid", width: "27ch", min: 27, i: 6, spare: true },
  lag: { title: "lag, ms", width: "10.5ch", min: 10.5, i: 5 },
};

// Columns of paths in params come after the command.
function columnOf({ mirror }, name) {
  return COLUMNS[name] ?? { title: name, width: "18ch", min: 18, path: mirror.paths.indexOf(name) };
}

function drawHead(view) {
  const { head, scroll, root } = view.ui;
  const cells = view.columns.map((name) => {
    const button = make("button", { type: "button", class: "bxlt-sort", "data-column": name }, columnOf(view, name).title);
    return make("div", { role: "columnheader", class: `bxlt-${name in COLUMNS ? name : "path"}` }, button);
  });
  head.replaceChildren(...cells);
  scroll.setAttribute("aria-colcount", cells.length);
  const gaps = `${12 * (cells.length - 1) + 28}px`;
  root.style.setProperty("--bxlt-columns", view.columns.map((name) => columnOf(view, name).width).join(" "));
  root.style.setProperty("--bxlt-least",
    `calc(${view.columns.reduce((sum, name) => sum + columnOf(view, name).min, 0)}ch + ${gaps})`);
  markSorted(view);
}

function takeFlags(mirror, { kind, flags, flagged }, known) {
  if (!known || kind === "snapshot") Object.assign(mirror, { flags: [], flagged: 0 });
  if (!flags) return;
  mirror.flags = [...mirror.flags, ...flags].slice(-MOST_FLAGS);
  mirror.flagged = kind === "snapshot" ? flagged : mirror.flagged + flags.length;
}

// Flags go before the first shown row that came after them; sorted rows have no such place.
function withFlags({ sort, mirror }, rows) {
  const whole = mirror.counts.found !== undefined && !hasOlder(mirror);
  const held = whole ? 0 : mirror.rows[0]?.n ?? Infinity;
  const flags = sort || !rows.length ? [] : mirror.flags.filter(([n]) => n >= held);
  if (!flags.length) return rows;
  const lines = flags.map(([n, label], i) => ({ n: n - 1 + (i + 1) / (flags.length + 1), label }));
  return [...rows, ...lines].sort((a, b) => a.n - b.n);
}

function forgetDrawn(view) {
  for (const node of view.drawn.values()) node.remove();
  view.drawn.clear();
}

function drawRows(view, first, last) {
  const { body, scroll } = view.ui;
  const wanted = view.items.slice(first, last);
  const numbers = new Set(wanted.map((row) => row.n));
  for (const [n, node] of view.drawn) if (!numbers.has(n)) view.drawn.delete(n), node.remove();
  wanted.forEach((row, i) => {
    const node = view.drawn.get(row.n) ?? drawItem(view, row);
    node.style.top = `${(first + i) * ROW}px`;
    node.setAttribute("aria-rowindex", first + i + 2);
    if (!row.label) {
      node.setAttribute("aria-selected", row.n === view.selected);
      node.classList.toggle("bxlt-active", row.n === view.active);
    }
    if (body.children[i] !== node) body.insertBefore(node, body.children[i] ?? null);
  });
  if (view.drawn.has(view.active)) scroll.setAttribute("aria-activedescendant", `${view.id}-${view.active}`);
  else scroll.removeAttribute("aria-activedescendant");
}

function drawItem(view, item) {
  const node = item.label === undefined ? drawRow(view, item) : drawFlag(view, item);
  view.drawn.set(item.n, node);
  return node;
}

function drawFlag(view, { label }) {
  const text = make("span", { role: "gridcell", "aria-colspan": view.columns.length, title: label }, `⚑ ${label}`);
  return make("div", { role: "row", class: "bxlt-flag" }, text);
}

function drawRow(view, row) {
  const bad = row.cells[7] != null;
  const node = make("div", { role: "row", id: `${view.id}-${row.n}`, class: "bxlt-row", "data-n": row.n },
    ...view.columns.map((name) => drawCell(view, name, row.cells)));
  node.classList.toggle("bxlt-bad", bad);
  const age = performance.now() - row.at;
  node.classList.toggle("bxlt-new", age < NEW_MS);
  if (age < NEW_MS) node.style.animationDelay = `${-age}ms`;
  return node;
}

function drawCell({ mirror }, name, [received, channel, module, command, params, lag, mid, error, values]) {
  const lit = (column, text) => marked(text, mirror.marks, column);
  const bad = error != null;
  switch (name) {
    case "time": return received === null ? cell(name, null) : cell(name, CLOCK.format(received), `${utc(received)}\n${local(received)}`);
    case "command": return bad ? cell("word", "unreadable", "This message could not be read") : cell(name, command, command, lit("command", command));
    case "params": return bad ? cell(name, `${error} · ${cut(params, PARAMS)}`, `${error}\n\n${params}`, lit("params", `${error} · ${cut(params, PARAMS)}`))
      : cell(name, cut(params, PARAMS), params, lit("params", cut(params, PARAMS)));
    case "lag": return lag === null ? cell(name, null)
      : cell(name, grouped(Math.round(lag / 1000)), sentAt(received, lag));
    case "channel": return cell(name, channel, channel ?? NO_CHANNEL, lit("channel", channel));
    case "module": return cell(name, module, module, lit("module_id", module));
    case "mid": return cell(name, mid, mid, lit("mid", mid));
    default: return pathCell(values?.[mirror.paths.indexOf(name)] ?? null, lit);
  }
}

function cell(name, text, title = text, parts = [text ?? "–"]) {
  return make("div", { role: "gridcell", class: `bxlt-${name}`, title: title ?? "" }, ...parts);
}

const pathCell = (value, lit) => cell("path", value, value ?? "", lit("params", value));

// The text in parts, with what the search found in it marked.
function marked(text, marks, column) {
  if (text === null) return ["–"];
  const wanted = marks.filter(([, , only]) => only === null || only === column || (only === "error" && column === "params"));
  const spots = wanted.flatMap(([part, exact]) => spotsOf(text, part, exact)).sort((a, b) => a[0] - b[0]);
  const parts = [];
  let end = 0;
  for (const [from, to] of spots) {
    if (from < end) continue;
    parts.push(text.slice(end, from), make("mark", {}, text.slice(from, to)));
    end = to;
  }
  return [...parts, text.slice(end)].filter((part) => part !== "");
}

function spotsOf(text, part, exact) {
  const [where, what] = exact ? [text, part] : [text.toLowerCase(), part.toLowerCase()];
  const spots = [];
  for (let at = where.indexOf(what); at >= 0 && spots.length < 50; at = where.indexOf(what, at + what.length)) spots.push([at, at + what.length]);
  return spots;
}

const sentAt = (received, lag) =>
  `${(lag / 1000).toFixed(3)} ms after ${utc(received - lag / 1000)}, the portal's time`;

const SHORT = [[1e6, "M"], [1e3, "k"]];
const short = (number) => {
  const [unit, letter] = SHORT.find(([size]) => number >= size) ?? [1, ""];
  const digits = unit > 1 && number < 100 * unit ? 1 : 0;
  return `${(number / unit).toFixed(digits).replace(/\.0$/, "")}${letter && ` ${letter}`}`;
};

function countText({ frozen, mirror, sort }) {
  if (!mirror.end) return frozen ? "paused" : "";
  const { found, kept, searched, keptFrom } = mirror.counts;
  const total = found ?? mirror.end - (keptFrom ?? 0);
  const parts = [found === undefined ? `${grouped(total)} ${total === 1 ? "event" : "events"}` : `${grouped(found)} of ${grouped(kept)}`];
  if (mirror.pending) parts.push("searching …");
  else if (found !== undefined && searched < kept) parts.push(`searched ${short(searched)} of ${short(kept)}`);
  parts.push(...sortText({ mirror, sort, frozen }, total));
  if (frozen) parts.push("paused");
  return parts.join(" · ");
}

function noteText({ shown, mirror, model, filters }) {
  if (shown.length) return "";
  if (mirror.epoch === null) return "Waiting for the kernel…";
  const { found, kept, searched } = mirror.counts;
  if (found === undefined) return model.get("empty");
  if (searched < kept || mirror.pending) return "Searching …";
  if (!filters.text.trim()) return "No event meets the filters above.";
  const others = [filters.module, filters.command, filters.since_us, filters.until_us].some((f) => f !== null);
  return `Nothing matches “${filters.text}”${others ? " and the other filters" : ""}. Esc in the search shows all.`;
}
