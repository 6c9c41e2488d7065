// What the views share: one mirror a page, how it asks the kernel, and how text gets into the page.
// fed_view.py puts the files of a view together. Event text is hostile: it only ever becomes text
// nodes and attributes that hold text.

const ASK_AGAIN_MS = 15000;
const clockWith = (digits) => new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit",
  second: "2-digit", ...digits, hourCycle: "h23" });
const CLOCK = clockWith({ fractionalSecondDigits: 3 });
const CLOCK_S = clockWith({});

// anywidget calls this once per model, so that all the views of a page share one mirror.
function widget(mirror, receive, mount) {
  Object.assign(mirror, { page: randomId(), views: new Set(), epoch: null, end: 0, hole: false, asked: 0 });
  return {
    initialize({ model }) {
      model.on("msg:custom", (message, buffers) => receive(mirror, model, message, buffers));
    },
    render: ({ model, el }) => mount(mirror, model, el),
  };
}

// Asked once until answered; an answer lost on the way is asked for again after a while.
function ask(mirror, model) {
  if (mirror.asked && performance.now() - mirror.asked < ASK_AGAIN_MS) return;
  mirror.asked = performance.now();
  const end = mirror.hole ? -1 : mirror.end;
  model.send({ kind: "hello", page: mirror.page, epoch: mirror.epoch, end });
}

function enter(view) {
  const { mirror, model } = view;
  mirror.views.add(view);
  if (mirror.views.size === 1) ask(Object.assign(mirror, { asked: 0 }), model);
}

function leave(view) {
  const { mirror, model } = view;
  mirror.views.delete(view);
  if (!mirror.views.size) model.send({ kind: "leave", page: mirror.page });
}

const decoded = (buffers) => JSON.parse(new TextDecoder().decode(buffers[0]));

// For screen readers: changes the user made, told once they have settled; never what streams in.
function say(view, text) {
  clearTimeout(view.sayTimer);
  view.sayTimer = setTimeout(() => (view.ui.said.textContent = text()), 600);
}

// Children that are strings become text nodes, whatever they hold.
function make(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

function draw(tag, attributes, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const cut = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
const grouped = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, "\u202f").replace("-", "−");
const utc = (ms) => `${new Date(ms).toISOString().replace("T", " ").replace("Z", "")} UTC`;
const randomId = () => Math.random().toString(36).slice(2); // crypto.randomUUID is for https only
