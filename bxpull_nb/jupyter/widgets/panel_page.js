// Draws the panel: boxes and controls from their models, our own widgets by their own scripts.

function render({ model, el, host, signal }) {
  const picture = document.createElement("style");
  const gone = make("p", { class: "bxp-gone", role: "alert" },
    "This panel is dead: its kernel was restarted or has ended. Run the cell again for a live one.");
  const root = make("div", { class: "bx bxp", ...OWN_KEYS }, picture, gone);
  const context = { root, host, signal };
  drawn(context, model.get("content")).then((node) => root.append(node),
    (error) => root.append(make("p", { role: "alert" }, `The panel cannot be drawn: ${error.message}`)));
  // Jupyter marks a view without a kernel when it is drawn only: anywidget ends its listening.
  model.on("comm_live_update", () => root.classList.add("bxp-dead"));
  return connect({ model, el }, root, (content) => content.kind === "alive" && hideSaved(picture, content.picture));
}

// The saved picture is an output of its own: a panel that lives takes its place.
function hideSaved(style, name) {
  const output = `.${CSS.escape(name)}`;
  style.textContent = `${output}, .jp-OutputArea-child:has(${output}) { display: none; }`;
}

// A box has models as children in Jupyter, and references to them in marimo.
const referenceTo = (child) => `anywidget:${child.model_id ?? child.replace(/^(IPY_MODEL_|anywidget:)/, "")}`;

async function drawn(context, child) {
  const reference = referenceTo(child);
  const model = await context.host.getModel(reference);
  const node = await nodeOf(context, model, reference);
  node.classList.add(...model.get("_dom_classes") ?? []);
  await laidOut(context, model, node);
  return node;
}

async function nodeOf(context, model, reference) {
  if (model.get("_model_module") === "anywidget") return embedded(context, reference);
  const name = model.get("_model_name");
  if (name === "TabModel") return tabs(context, model);
  if (model.get("children")) return box(context, model, name);
  const control = CONTROLS[name];
  return control ? control(model) : make("em", {}, `${name} cannot be shown here.`);
}

// marimo puts a widget's style sheet where its node is: it has to be in the page by then.
async function embedded({ root, host, signal }, reference) {
  const node = make("div", { class: "bxp-widget" });
  root.append(node);
  const widget = await host.getWidget(reference);
  await widget.render({ el: node, signal });
  return node;
}

async function box(context, model, name) {
  const children = await Promise.all(model.get("children").map((child) => drawn(context, child)));
  return make("div", { class: `bxp-box${name === "VBoxModel" ? " bxp-column" : ""}` }, ...children);
}

async function tabs(context, model) {
  const pages = await Promise.all(model.get("children").map((child) => drawn(context, child)));
  const heads = model.get("titles").map((title, i) => tabHead(model, title, i));
  const bar = make("div", { class: "bxp-tabs", role: "tablist", "aria-label": "Further views" }, ...heads);
  bar.addEventListener("keydown", (event) => walk(event, heads));
  const leaves = pages.map((page, i) => make("div", { role: "tabpanel", class: "bxp-leaf",
    id: heads[i].getAttribute("aria-controls"), "aria-label": model.get("titles")[i] }, page));
  return showing(model, "selected_index", make("div", { class: "bxp-tabbed" }, bar, ...leaves), (_, chosen) =>
    leaves.forEach((leaf, i) => {
      leaf.hidden = i !== chosen;
      heads[i].setAttribute("aria-selected", String(i === chosen));
      heads[i].tabIndex = i === chosen ? 0 : -1;
    }));
}

function tabHead(model, title, i) {
  const head = make("button", { type: "button", role: "tab", class: "bxp-tab", "aria-controls": `bxp-${randomId()}` }, title);
  head.addEventListener("click", () => put(model, "selected_index", i));
  return head;
}

function walk(event, heads) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  const at = heads.findIndex((head) => head.getAttribute("aria-selected") === "true");
  const next = heads[(at + step + heads.length) % heads.length];
  next.click();
  next.focus();
}

// The layout of ipywidgets has the names of CSS, with underscores.
async function laidOut(context, model, node) {
  const child = model.get("layout");
  if (!child) return;
  const layout = await context.host.getModel(referenceTo(child));
  const apply = () => LAYOUT.forEach((name) =>
    node.style.setProperty(name.replaceAll("_", "-"), layout.get(name) ?? ""));
  layout.on("change", apply);
  apply();
}

const LAYOUT = ["align_items", "align_self", "display", "flex", "flex_flow", "height", "justify_content",
  "margin", "max_height", "max_width", "min_height", "min_width", "overflow", "padding", "visibility", "width"];

export default { render };
