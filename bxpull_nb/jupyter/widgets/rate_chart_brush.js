// The brush of RateChart: a range of seconds, dragged by a pointer or extended with the Shift key.
// `view.brush` is a range in the making: the second where it began, and the one that moves.

const DRAG_PX = 4; // a shorter way is a click
const CHART_HELP = `Click a bar to show its second, again to show all.
Drag over bars to show a range of time.
Keys: arrows choose a bar, Enter shows it, Shift+arrows extend the range, Escape shows all.`;

function wireBrush(view) {
  const { plot } = view.ui;
  plot.addEventListener("pointerdown", (event) => startDrag(view, event));
  plot.addEventListener("pointermove", (event) => drag(view, event));
  plot.addEventListener("pointerup", (event) => isDragged(view, event) && finishBrush(view));
  plot.addEventListener("pointercancel", (event) => isDragged(view, event) && cancelBrush(view));
  plot.addEventListener("keyup", (event) => event.key === "Shift" && !isHeld(view) && finishBrush(view));
  plot.addEventListener("blur", () => finishBrush(view));
}

function startDrag(view, event) {
  view.drag = null;
  if (!view.space || event.button !== 0 || !event.isPrimary) return;
  view.ui.plot.setPointerCapture(event.pointerId); // the end may be outside
  view.drag = { id: event.pointerId, x: event.clientX, from: nearestSecond(view, event), moved: false, ended: false };
}

function drag(view, event) {
  if (!isDragged(view, event)) return;
  view.drag.moved ||= Math.abs(event.clientX - view.drag.x) >= DRAG_PX;
  if (view.drag.moved) setBrush(view, [view.drag.from, nearestSecond(view, event)]);
}

const isHeld = ({ drag }) => drag !== null && !drag.ended;
const isDragged = (view, event) => isHeld(view) && view.drag.id === event.pointerId;

// Whether the click is the end of a drag; the next one is a click again.
function endsDrag(view) {
  const moved = view.drag?.moved ?? false;
  view.drag = null;
  return moved;
}

// The second under the pointer; at the side of the bars, the first or the last one.
const nearestSecond = (view, event) => clamped(view.space, secondUnder(view, event));

// Moves one end of the range; the other end, from which it was extended, stays.
function extend(view, key) {
  const [from, to] = view.brush ?? brushFrom(view, secondByKey(view.space, view.space.end, key) < view.space.end);
  setBrush(view, [from, secondByKey(view.space, to, key)]);
}

// The bar that the keys chose, else the picked range, else the bar under the pointer or the newest.
function brushFrom({ mirror, space, cursor, keyed, anchor }, isBack) {
  const { span } = mirror.picked;
  const bar = cursor ?? space.end;
  const [first, last] = keyed || !span ? [bar, bar] : span;
  if (anchor === first || anchor === last) return [anchor, anchor === first ? last : first];
  return isBack ? [last, first] : [first, last];
}

function setBrush(view, brush) {
  Object.assign(view, { brush, cursor: null, keyed: false });
  drawChosen(view);
  drawTexts(view);
}

function finishBrush(view) {
  const { brush, mirror, drag } = view;
  if (drag) drag.ended = true;
  if (!brush) return;
  view.brush = null;
  view.anchor = brush[0];
  setPick(view, { ...mirror.picked, span: inOrder(brush) });
}

// Cancels the range in the making; whether there was one.
function cancelBrush(view) {
  const had = view.brush !== null;
  if (view.drag) view.drag.ended = true;
  setBrush(view, null);
  return had;
}

function brushText({ brush, mirror }) {
  const [first, last] = inOrder(brush);
  const inside = [...mirror.seconds.values()].filter(({ at }) => at >= first && at <= last);
  const events = inside.reduce((sum, { total }) => sum + total, 0);
  return `${spanned([first, last])} · ${last - first + 1} s · ${grouped(events)} ${eventsOf(events)} · Escape cancels`;
}

// A second by its time, several by their beginning and their end, as in the table's filter.
function spanned([first, last]) {
  const [from, to] = [first, last + 1].map((at) => CLOCK_S.format(at * 1000));
  return first === last ? from : `${from}–${to}`;
}

const inOrder = ([one, other]) => (one <= other ? [one, other] : [other, one]);
const clamped = ({ from, end }, second) => Math.max(from, Math.min(end, second));
