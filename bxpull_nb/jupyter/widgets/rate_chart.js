// The page's half of RateChart: mirrors the seconds and sends the user's choice.
// rate_chart.py describes the messages.

const NONE = { command: null, span: null }; // a span: its first and its last second

export default () => widget({ seconds: new Map(), flags: [], shades: new Map(), newest: null,
  live: true, offset: 0, picked: NONE, homes: new Map() }, receive, mount);

function receive(mirror, model, message, buffers) {
  const body = decoded(buffers);
  const known = message.epoch === mirror.epoch;
  const whole = message.kind === "snapshot";
  if (whole || !known) Object.assign(mirror, { seconds: new Map(), flags: [], shades: new Map(), picked: NONE });
  const news = body.seconds.length + body.flags.length + body.shades.length > 0;
  const expected = (known ? mirror.end : 0) + (news ? 1 : 0);
  mirror.hole = !whole && (message.end !== expected || (known && mirror.hole));
  mirror.epoch = message.epoch;
  mirror.end = message.end;
  takeTime(mirror, body, whole);
  takeSeconds(mirror, body.seconds);
  mirror.flags = [...mirror.flags, ...body.flags].slice(-MOST_FLAGS);
  for (const shade of body.shades) mirror.shades.set(shade[0], shade);
  if (body.picked) Object.assign(mirror, { picked: pickedFrom(body.picked), searched: body.searched });
  askForMissing(mirror, model);
  mirror.views.forEach(schedule);
}

// A message that was long on its way would set the clock back: the quickest one is right.
function takeTime(mirror, { now, newest }, whole) {
  const offset = (now ?? 0) - Date.now();
  mirror.live = now !== null;
  mirror.offset = whole ? offset : Math.max(mirror.offset, offset);
  mirror.newest = newest;
}

function takeSeconds(mirror, seconds) {
  for (const [at, named, others, lag] of seconds) {
    const counts = new Map(Object.entries(named));
    const total = [...counts.values()].reduce((sum, count) => sum + count, others);
    mirror.seconds.set(at, { at, counts, others, total, lag });
  }
  for (const at of mirror.seconds.keys()) if (Math.abs(at - mirror.newest) >= WINDOW) mirror.seconds.delete(at);
}

function pickedFrom({ command, since_us: since, until_us: until }) {
  return { command, span: since === null || until === null ? null : [since / 1e6, until / 1e6 - 1] };
}

function mount(mirror, model, el) {
  const id = `bxrc-${randomId()}`;
  const view = { mirror, model, id, ui: build(model, id), slots: Array(SLOTS).fill(null), cursor: null,
    drag: null, brush: null, anchor: null, keyed: false, top: 0, lagTop: 0, space: null, frame: 0, tick: 0, announceTimer: 0 };
  wire(view);
  enter(view, el, view.ui.plot);
  schedule(view);
  return () => {
    clearTimeout(view.tick);
    leave(view);
  };
}

function build(model, id) {
  const layer = (name) => draw("g", { class: name });
  const bars = Array.from({ length: SLOTS + 1 }, (_, i) => draw("path", { class: `bxrc-bar bxrc-${i}` }));
  const lag = ["bxrc-halo", "bxrc-lag"].map((name) => draw("path", { class: name }));
  const [axes, shades, flags] = [layer("bxrc-axes"), layer("bxrc-shades"), layer("bxrc-flags")];
  const [cursor, picked] = ["bxrc-cursor", "bxrc-picked"].map((name) => draw("rect", { class: name }));
  const hatch = draw("pattern", { id: `${id}-hatch`, width: 6, height: 6, patternUnits: "userSpaceOnUse",
    patternTransform: "rotate(45)" }, draw("rect", { class: "bxrc-hatch", width: 2, height: 6 }));
  const svg = draw("svg", { class: "bxrc-svg", "aria-hidden": "true" },
    draw("defs", {}, hatch), axes, shades, ...bars, ...lag, flags, cursor, picked);
  const note = make("div", { class: "bxrc-note" });
  const plot = make("div", { class: "bxrc-plot", role: "slider", tabindex: 0, "aria-valuemin": 0,
    "aria-valuemax": WINDOW - 1, "aria-description": CHART_HELP, ...OWN_KEYS }, svg, note);
  plot.style.height = `${model.get("height")}px`;
  const readout = make("div", { class: "bxrc-readout" });
  const entries = bars.map((_, i) => legendEntry(i));
  const lagCount = make("span", { class: "bxrc-count" });
  const lagEntry = make("span", { class: "bxrc-entry bxrc-lag-entry", title: "The line: the median delay of each second's events. "
    + "The number: the middle one of these." }, make("span", { class: "bxrc-line" }),
    make("span", { class: "bxrc-name" }, "lag, ms"), lagCount);
  const legend = make("div", { class: "bxrc-legend", role: "group", "aria-label": "Commands",
    ...OWN_KEYS }, ...entries.map((entry) => entry.node), lagEntry);
  return { root: make("div", { class: "bx bxrc" }, readout, plot, legend), legend, readout, plot, svg, note,
    axes, shades, bars, lag, flags, cursor, picked, entries, lagCount };
}

function legendEntry(i) {
  const name = make("span", { class: "bxrc-name" });
  const count = make("span", { class: "bxrc-count" });
  const tag = i < SLOTS ? ["button", { type: "button", class: "bxrc-entry" }] : ["span", { class: "bxrc-entry" }];
  return { name, count, node: make(...tag, make("span", { class: `bxrc-swatch bxrc-${i}` }), name, count) };
}

function wire(view) {
  const { plot, entries, legend } = view.ui;
  plot.addEventListener("pointermove", (event) => view.brush || setCursor(view, secondAt(view, event)));
  plot.addEventListener("pointerleave", () => setCursor(view, null));
  plot.addEventListener("blur", () => setCursor(view, null));
  plot.addEventListener("click", (event) => {
    const second = secondAt(view, event);
    if (second !== null && !endsDrag(view)) pick(view, { span: [second, second] });
  });
  wireBrush(view);
  plot.addEventListener("keydown", (event) => onKey(view, event));
  entries.slice(0, SLOTS).forEach(({ node }, i) =>
    node.addEventListener("click", () => pick(view, { command: view.slots[i] })));
  legend.addEventListener("keydown", (event) => stepInLegend(view, event));
}

// The legend is one stop of the Tab key; the arrows go from entry to entry.
function stepInLegend({ ui }, event) {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  const there = ui.entries.slice(0, SLOTS).map(({ node }) => node).filter((node) => !node.classList.contains("bxrc-away"));
  if (!step || !there.length) return;
  event.preventDefault();
  there[(there.indexOf(event.target) + step + there.length) % there.length].focus();
}

// Picks a second or a command; picking it again takes it back.
function pick(view, change) {
  const [[name, value]] = Object.entries(change);
  const again = String(view.mirror.picked[name]) === String(value);
  setPick(view, { ...view.mirror.picked, [name]: again ? null : value });
}

function setPick(view, picked) {
  const { mirror, model } = view;
  const [since, until] = picked.span ? [picked.span[0] * 1e6, (picked.span[1] + 1) * 1e6] : [null, null];
  mirror.picked = picked;
  model.send({ kind: "pick", epoch: mirror.epoch, command: picked.command, since_us: since, until_us: until });
  mirror.views.forEach(schedule);
  announce(view, () => pickedText(mirror.picked) || "Nothing picked");
}

function secondAt(view, event) {
  if (!view.space) return null;
  const second = secondUnder(view, event);
  return second === clamped(view.space, second) ? second : null;
}

// The second under the pointer, which may be outside those drawn.
function secondUnder({ space, ui }, event) {
  const x = event.clientX - ui.plot.getBoundingClientRect().left;
  return space.from + Math.floor(((x - EDGE.left) * space.span) / space.w);
}

function onKey(view, event) {
  const { space } = view;
  if (event.ctrlKey || event.altKey || event.metaKey || !space) return;
  const at = Math.max(space.from, view.cursor ?? space.end + 1);
  const to = secondByKey(space, at, event.key);
  if (to !== null && event.shiftKey) extend(view, event.key);
  else if (to !== null) setCursor(view, to, true);
  else if ((event.key === "Enter" || event.key === " ") && view.cursor !== null) pick(view, { span: [view.cursor, view.cursor] });
  else if (event.key === "Escape") cancelBrush(view) || setPick(view, NONE);
  else return;
  event.preventDefault();
}

// The second to which a key leads from this one, null for another key.
function secondByKey(space, at, key) {
  const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10,
    Home: -Infinity, End: Infinity };
  return key in steps ? clamped(space, at + steps[key]) : null;
}

function setCursor(view, second, keyed = false) {
  view.keyed = keyed;
  if (view.cursor === second) return;
  view.cursor = second;
  drawChosen(view);
  drawTexts(view);
}

function paint(view) {
  cancelAnimationFrame(view.frame);
  clearTimeout(view.tick);
  view.frame = 0;
  const { mirror, ui } = view;
  if (mirror.live) view.tick = setTimeout(() => schedule(view), 1000 - ((Date.now() + mirror.offset) % 1000));
  if (!ui.plot.clientWidth) return; // hidden by another tab: the observer calls again
  const found = survey(view);
  drawChart(view, found);
  drawLegend(view, found);
  drawTexts(view);
  ui.note.textContent = noteText(view, found);
}

function drawLegend({ ui, slots, mirror }, { totals, others, lags }) {
  ui.entries.forEach(({ node, name, count }, i) => {
    const command = i < SLOTS ? slots[i] : "others";
    const shown = i < SLOTS ? command !== null : others > 0;
    node.classList.toggle("bxrc-away", !shown);
    if (!shown) return;
    const number = grouped(i < SLOTS ? totals.get(command) : others);
    name.textContent = seen(command);
    count.textContent = number;
    node.title = seen(`${command}: ${number} ${number === "1" ? "event" : "events"} in 5 minutes`);
    if (i < SLOTS) node.setAttribute("aria-pressed", command === mirror.picked.command);
  });
  const stop = ui.entries.findIndex(({ node }, i) => i < SLOTS && !node.classList.contains("bxrc-away"));
  ui.entries.slice(0, SLOTS).forEach(({ node }, i) => (node.tabIndex = i === stop ? 0 : -1));
  ui.lagCount.textContent = lags.length ? lagText(middle(lags)) : "–";
}

function drawTexts(view) {
  const { ui, space, cursor, mirror } = view;
  if (!space) return;
  const at = cursor === null ? null : Math.max(space.from, cursor);
  const text = view.brush ? brushText(view) : at === null ? summary(view) : secondText(view, at);
  ui.readout.textContent = seen(text);
  ui.plot.title = at === null ? CHART_HELP : seen(text);
  ui.plot.setAttribute("aria-valuemax", space.span - 1);
  ui.plot.setAttribute("aria-label", `Events per second. ${summary(view)}`);
  ui.plot.setAttribute("aria-valuenow", (at ?? space.end) - space.from);
  ui.plot.setAttribute("aria-valuetext", at === null && !view.brush ? pickedText(mirror.picked) || "no second chosen" : text);
}

function summary({ space, mirror }) {
  const before = mirror.seconds.get(space.end - 1)?.total ?? 0;
  const parts = [`${wide(grouped(space.events), 6)} ${eventsOf(space.events)}${mirror.searched ? " of the search" : ""} in 5 minutes`, `${wide(grouped(before), 3)} in the last second`,
    `at most ${wide(grouped(space.most), 3)}`];
  return [...parts, pickedText(mirror.picked)].filter(Boolean).join(" · ");
}

function secondText({ mirror, slots }, at) {
  const second = mirror.seconds.get(at);
  const named = second ? [...second.counts].sort((a, b) => b[1] - a[1]) : [];
  const parts = [CLOCK_S.format(at * 1000), `${grouped(second?.total ?? 0)} ${eventsOf(second?.total)}`,
    ...named.filter(([name]) => slots.includes(name)).map(([name, count]) => `${name} ${grouped(count)}`)];
  const rest = (second?.total ?? 0) - named.reduce((sum, [name, n]) => sum + (slots.includes(name) ? n : 0), 0);
  if (rest) parts.push(`others ${grouped(rest)}`);
  if (second && second.lag !== null) parts.push(`median lag ${lagText(second.lag)} ms`);
  for (const [us, label] of mirror.flags) if (Math.floor(us / 1e6) === at) parts.push(`⚑ ${label}`);
  for (const [since, until, label] of mirror.shades.values()) {
    if (since < (at + 1) * 1e6 && (until ?? Infinity) > at * 1e6) parts.push(label || "no connection");
  }
  return parts.join(" · ");
}

function pickedText({ command, span }) {
  const parts = [command, span && spanned(span)].filter(Boolean);
  return parts.length ? `picked: ${parts.join(", ")}` : "";
}

function noteText({ mirror, model }, { events }) {
  if (mirror.epoch === null) return "Waiting for the kernel…";
  if (events) return "";
  if (mirror.newest === null) return model.get("empty");
  return `No events in the last 5 minutes. The last one came at ${CLOCK_S.format(mirror.newest * 1000)}.`;
}

const eventsOf = (count) => (count === 1 ? "event" : "events");
const middle = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const lagText = (us) => grouped(Math.round(us / 1000));
const wide = (text, digits) => text.padStart(digits, "\u2007"); // as wide as a digit
