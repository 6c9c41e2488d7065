// The picture of RateChart, drawn from the mirror each time, with a path per command.

const WINDOW = 300; // seconds, as in rate_chart.py
const SPANS = [20, 60, 120, WINDOW]; // seconds
const SLOTS = 7; // commands with a colour of their own; as many as the style sheet has
const EDGE = { left: 44, right: 52, top: 17, bottom: 18 }; // px, fixed: nothing moves with the numbers
const STAYS = 1.25; // a command leaves its place only to one that is so much more frequent
const LETTER = 7; // px, about the width of one in a label
const JOINED = 3; // seconds without a lag that the line still spans

function survey(view) {
  const { mirror } = view;
  const end = lastSecond(mirror);
  const span = spanOf(mirror, end);
  const from = end - span + 1;
  const seconds = [];
  for (let at = from; at <= end; at++) if (mirror.seconds.has(at)) seconds.push(mirror.seconds.get(at));
  const totals = new Map();
  let [events, others, most] = [0, 0, 0];
  for (const second of seconds) {
    for (const [name, count] of second.counts) totals.set(name, (totals.get(name) ?? 0) + count);
    events += second.total;
    others += second.others;
    most = Math.max(most, second.total);
  }
  view.slots = slotted(view.slots, totals, mirror.homes);
  for (const [name, count] of totals) if (!view.slots.includes(name)) others += count;
  const lags = seconds.map((second) => second.lag).filter((lag) => lag !== null);
  return { from, end, span, seconds, totals, events, others, most, lags };
}

// A capture that began a moment ago gets a shorter window: it would be a sliver of five minutes.
function spanOf({ seconds, newest }, end) {
  if (newest === null) return SPANS[0];
  const first = Math.min(...[...seconds.keys()].filter((at) => at > end - WINDOW));
  return SPANS.find((span) => end - first < span) ?? WINDOW;
}

// The newest second: now, by the kernel's clock, or that of the newest event of a recording.
function lastSecond({ live, offset, newest }) {
  if (!live) return newest ?? 0;
  const now = Math.floor((Date.now() + offset) / 1000);
  return newest !== null && newest > now && newest < now + 5 ? newest : now;
}

// A command that stays among the most frequent keeps its colour and its place, and gets it back
// when it returns, if no other has it. `homes` are the places that names have had.
function slotted(slots, totals, homes) {
  const weight = ([name, count]) => count * (slots.includes(name) ? STAYS : 1);
  const best = [...totals].sort((a, b) => weight(b) - weight(a) || (a[0] < b[0] ? -1 : 1)).slice(0, SLOTS);
  const names = best.map(([name]) => name);
  const kept = slots.map((name) => (names.includes(name) ? name : null));
  const coming = names.filter((name) => !kept.includes(name)).sort((a, b) => homes.has(b) - homes.has(a));
  for (const name of coming) kept[freeFor(name, kept, homes)] = name;
  kept.forEach((name, i) => name !== null && homes.set(name, i));
  return kept;
}

// The first free place from the name's own, so that a name mostly has one colour everywhere.
function freeFor(name, kept, homes) {
  const own = homes.get(name) ?? [...name].reduce((sum, sign) => (31 * sum + sign.codePointAt(0)) % 9973, 0);
  return kept.map((_, i) => (own + i) % kept.length).find((i) => kept[i] === null);
}

// A scale grows at once and shrinks late, so that the bars do not pump.
function scaled(top, most, least) {
  return most > top || most < top * 0.3 ? Math.max(least, roundUp(most)) : top;
}

function roundUp(value) {
  if (value <= 0) return 0;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].find((step) => step * power >= value) * power;
}

function drawChart(view, found) {
  const { svg, plot } = view.ui;
  const { clientWidth: width, clientHeight: height } = plot;
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const [w, h] = [width - EDGE.left - EDGE.right, height - EDGE.top - EDGE.bottom];
  view.top = scaled(view.top, found.most, 5);
  const lags = found.lags.map((lag) => lag / 1000);
  view.lagTop = scaled(view.lagTop, Math.max(0, ...lags), 10);
  const low = -roundUp(-Math.min(0, ...lags));
  const space = {
    ...found, width, w, h, low, step: w / found.span, bottom: EDGE.top + h,
    x: (second) => EDGE.left + ((second - found.from) * w) / found.span,
    y: (count) => EDGE.top + h * (1 - count / view.top),
    lagY: (ms) => EDGE.top + h * (1 - (ms - low) / (view.lagTop - low)),
  };
  view.space = space;
  drawBars(view, space);
  for (const line of view.ui.lag) line.setAttribute("d", lagPath(space));
  view.ui.axes.replaceChildren(...axes(view, space));
  view.ui.shades.replaceChildren(...shades(view, space));
  view.ui.flags.replaceChildren(...flags(view, space));
  drawChosen(view);
}

function drawBars(view, { seconds, x, y, step, h }) {
  const paths = Array.from({ length: SLOTS + 1 }, () => []);
  const width = (step > 3 ? step - 1 : step).toFixed(2);
  for (const second of seconds) {
    let below = 0;
    const left = x(second.at).toFixed(2);
    const add = (i, count) => {
      if (!count) return;
      const high = ((h * count) / view.top).toFixed(2);
      paths[i].push(`M${left} ${y((below += count)).toFixed(2)}h${width}v${high}h-${width}z`);
    };
    view.slots.forEach((name, i) => name !== null && add(i, second.counts.get(name)));
    add(SLOTS, second.total - below);
  }
  const chosen = view.mirror.picked.command;
  paths.forEach((parts, i) => {
    view.ui.bars[i].setAttribute("d", parts.join(""));
    view.ui.bars[i].classList.toggle("bxrc-dim", chosen !== null && view.slots[i] !== chosen);
  });
}

// The line of the lag, from the middle of a bar to that of the next; a dot when alone.
function lagPath({ seconds, x, lagY, step }) {
  let [path, last] = ["", -Infinity];
  for (const { at, lag } of seconds) {
    if (lag === null) continue;
    const to = `${(x(at) + step / 2).toFixed(2)} ${lagY(lag / 1000).toFixed(2)}`;
    path += at - last <= JOINED ? `L${to}` : `M${to}h0`;
    last = at;
  }
  return path;
}

function axes(view, { w, low, from, end, span, x, bottom, width }) {
  const parts = [0, 0.5, 1].flatMap((part) => {
    const y = bottom - (bottom - EDGE.top) * part;
    const lag = low + (view.lagTop - low) * part;
    return [
      draw("line", { class: "bxrc-grid", x1: EDGE.left, x2: EDGE.left + w, y1: y, y2: y }),
      textAt(EDGE.left - 6, y + 4, compact(view.top * part), "end"),
      textAt(EDGE.left + w + 6, y + 4, compact(lag), "start"),
    ];
  });
  parts.push(textAt(EDGE.left - 6, 11, "/s", "end"), textAt(width, 11, "lag, ms", "end"));
  const every = span > 120 ? 60 : span / 4;
  for (let at = Math.ceil(from / every) * every; at <= end; at += every) {
    const room = x(at) > EDGE.left + 26 && x(at) < EDGE.left + w - 26;
    parts.push(draw("line", { class: "bxrc-tick", x1: x(at), x2: x(at), y1: bottom, y2: bottom + 4 }));
    if (room) parts.push(textAt(x(at), bottom + 16, CLOCK_S.format(at * 1000).slice(0, every < 60 ? 8 : 5), "middle"));
  }
  parts.push(textAt(width, bottom + 16, "UTC", "end"));
  return parts;
}

function shades({ mirror, id }, { from, end, x, bottom }) {
  return [...mirror.shades.values()].flatMap(([since, until, label]) => {
    const left = Math.max(x(from), x(since / 1e6));
    const right = Math.min(x(end + 1), until === null ? Infinity : x(until / 1e6));
    if (right <= left) return [];
    const area = draw("rect", { class: "bxrc-shade", x: left, y: EDGE.top, width: right - left,
      height: bottom - EDGE.top, fill: `url(#${id}-hatch)` });
    const letters = Math.floor((right - left - 8) / LETTER);
    return !label || letters < Math.min(8, label.length) ? [area] : [area, textAt(left + 4, bottom - 6, cut(label, letters), "start")];
  });
}

function flags({ mirror }, { from, end, x, bottom, width }) {
  const inView = mirror.flags.filter(([us]) => us / 1e6 >= from && us / 1e6 < end + 1).sort((a, b) => a[0] - b[0]);
  let free = width - 48; // the end of the room for labels: clear of "lag, ms"
  return inView.reverse().flatMap(([us, label]) => {
    const at = x(us / 1e6);
    const room = (pixels) => Math.floor(pixels / LETTER) - 2;
    const edge = Math.min(at, free); // a label on the left ends before the next one
    const [right, left] = [room(free - at), room(edge - EDGE.left)];
    const onLeft = right < Math.min(label.length, 12) && left > right; // a fresh mark is at the edge
    const text = Math.max(left, right) < 3 ? "⚑" : `⚑ ${cut(label, onLeft ? Math.min(left, 30) : right)}`;
    free = onLeft ? edge - (text.length + 1) * LETTER : at;
    return [draw("line", { class: "bxrc-flag", x1: at, x2: at, y1: 4, y2: bottom }),
      textAt(onLeft ? edge - 2 : at + 2, 12, text, onLeft ? "end" : "start", "bxrc-flag-label")];
  });
}

// The second under the pointer or the keys, and those that were picked, or are being brushed.
function drawChosen({ ui, cursor, brush, mirror, space }) {
  const chosen = brush ? inOrder(brush) : mirror.picked.span;
  for (const [node, span] of [[ui.cursor, cursor !== null && [cursor, cursor]], [ui.picked, chosen]]) {
    const inView = span && space && span[1] >= space.from && span[0] <= space.end;
    node.style.display = inView ? "" : "none";
    if (!inView) continue;
    const [left, right] = [space.x(clamped(space, span[0])), space.x(clamped(space, span[1]) + 1)];
    const wide = Math.max(3, right - left);
    fill(node, { x: (left + right - wide) / 2, y: EDGE.top - 2, width: wide, height: space.h + 4 }, []);
  }
}

const textAt = (x, y, text, anchor, name = "bxrc-label") =>
  draw("text", { x, y, "text-anchor": anchor, class: name }, text);

function compact(value) {
  const size = Math.abs(value);
  const [part, sign] = size >= 1e6 ? [1e6, "M"] : size >= 1e4 ? [1e3, "k"] : [1, ""];
  return String(Math.round((value / part) * 10) / 10).replace("-", "−") + sign;
}
