// Shared by all widgets: one mirror a page, its requests to the kernel, and text put into the page.
// page_widget.py joins the files of a widget. Event text is hostile: it only ever becomes text
// nodes and attributes that hold text.

const ASK_AGAIN_MS = 15000;
const MOST_FLAGS = 200; // as in streaming_view.py
const OWN_KEYS = { "data-lm-suppress-shortcuts": "true" }; // else Lab takes keys for its cells
const clockWith = (digits) => new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit",
  second: "2-digit", ...digits, hourCycle: "h23", timeZone: "UTC" }); // as in Python and in files
const CLOCK = clockWith({ fractionalSecondDigits: 3 });
const CLOCK_S = clockWith({});

// anywidget calls this once per model, so that all views of a page share one mirror.
function widget(mirror, receive, mount) {
  Object.assign(mirror, { page: randomId(), views: new Set(), epoch: null, end: 0, hole: false, asked: 0 });
  return {
    initialize({ model }) {
      model.on("msg:custom", (message, buffers) => receive(mirror, model, message, buffers));
      return whilePageIsOpen(mirror, model);
    },
    render: ({ model, el }) => mount(mirror, model, el),
  };
}

// Tells the kernel when the page is closed or hidden, and when it is seen again: nothing is sent
// for a tab in the background.
function whilePageIsOpen(mirror, model) {
  const ended = new AbortController();
  const on = (target, name, act) => target.addEventListener(name,
    () => { if (mirror.views.size) act(); }, { signal: ended.signal });
  const gone = () => model.send({ kind: "leave", page: mirror.page });
  const back = () => ask(Object.assign(mirror, { asked: 0 }), model);
  on(window, "pagehide", gone);
  on(window, "pageshow", back);
  on(document, "visibilitychange", () => (document.hidden ? gone() : back()));
  return () => ended.abort();
}

// Shows a widget without a mirror: the kernel answers its hello, and `onMessage` takes the answer.
function connect({ model, el }, root, onMessage) {
  el.append(root);
  model.on("msg:custom", onMessage);
  model.send({ kind: "hello" });
  return () => model.off("msg:custom", onMessage);
}

function askForMissing(mirror, model) {
  if (mirror.hole) ask(mirror, model);
  else mirror.asked = 0;
}

// Asks once until an answer comes; a lost answer is asked for again after a while.
function ask(mirror, model) {
  if (mirror.asked && performance.now() - mirror.asked < ASK_AGAIN_MS) return;
  mirror.asked = performance.now();
  const end = mirror.hole ? -1 : mirror.end;
  model.send({ kind: "hello", page: mirror.page, epoch: mirror.epoch, end });
}

// Puts the view into the page; it is painted when `sized` changes its size.
function enter(view, el, sized) {
  const { mirror, model, ui } = view;
  ui.status = make("span", { class: "bx-status", role: "status" });
  ui.root.append(ui.status);
  el.append(ui.root);
  view.observer = new ResizeObserver(() => paint(view));
  view.observer.observe(sized);
  mirror.views.add(view);
  if (mirror.views.size === 1) ask(Object.assign(mirror, { asked: 0 }), model);
}

function leave(view) {
  const { mirror, model } = view;
  view.observer.disconnect();
  cancelAnimationFrame(view.frame);
  clearTimeout(view.announceTimer);
  mirror.views.delete(view);
  if (!mirror.views.size) model.send({ kind: "leave", page: mirror.page });
}

const schedule = (view) => (view.frame ||= requestAnimationFrame(() => paint(view)));

const decoded = (buffers) => JSON.parse(new TextDecoder().decode(buffers[0]));

// For screen readers: the user's changes, once they have settled; never new events.
function announce(view, text) {
  clearTimeout(view.announceTimer);
  view.announceTimer = setTimeout(() => (view.ui.status.textContent = text()), 600);
}

// Children that are strings become text nodes, whatever they hold.
function make(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

function draw(tag, attributes, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    node.setAttribute(name, name === "title" || name === "aria-label" ? seen(String(value)) : value);
  }
  node.append(...children.map((child) => (typeof child === "string" ? seen(child) : child)));
  return node;
}

// Characters that are invisible or turn a text around are named. Joiners stay in emoji and in Arabic letters.
const UNSEEN = new RegExp("[\\0-\\x08\\x0b-\\x1f\\x7f-\\x9f\\xad\\u061c\\u200b\\u200e\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff]"
  + "|(?<!\\p{Script=Arabic})\\u200c|(?<![\\p{Extended_Pictographic}\\p{Emoji_Modifier}\\ufe0f])\\u200d", "gu");
const seen = (text) => text.replace(UNSEEN, (sign) => `‹U+${sign.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}›`);

const cut = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
const grouped = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, "\u202f").replace("-", "−");
const local = (ms) => new Date(ms).toLocaleString("sv-SE", { timeZoneName: "short" });
const utc = (ms) => `${new Date(ms).toISOString().replace("T", " ").replace("Z", "")} UTC`;
const randomId = () => Math.random().toString(36).slice(2); // crypto.randomUUID is for https only
