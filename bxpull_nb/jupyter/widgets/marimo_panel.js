// Draws a tree of widgets: boxes and controls from their models, anywidgets by their own scripts.

function render({ model, el, host, signal }) {
  const root = make("div", { class: "bx bxm" });
  el.append(root);
  const context = { root, host, signal: signal ?? new AbortController().signal };
  drawn(context, model.get("panel")).then((node) => root.append(node),
    (error) => root.append(make("p", { role: "alert" }, `The panel cannot be drawn: ${error.message}`)));
}

// Returns the node of a widget. A reference of ipywidgets and one of anywidget hold the same id.
async function drawn(context, reference) {
  const id = reference.replace(/^IPY_MODEL_/, "anywidget:");
  const model = await context.host.getModel(id);
  const node = await nodeOf(context, model, id);
  for (const name of model.get("_dom_classes") ?? []) node.classList.add(name);
  await laidOut(context, model, node);
  return node;
}

async function nodeOf(context, model, id) {
  if (model.get("_model_module") === "anywidget") return embedded(context, id);
  const name = model.get("_model_name");
  if (name === "TabModel") return tabs(context, model);
  if (model.get("children")) return box(context, model, name);
  const control = CONTROLS[name];
  return control ? control(model) : make("em", {}, `${name} is shown in Jupyter only.`);
}

// marimo puts a widget's style sheet where its node is: it has to be in the page by then.
async function embedded({ root, host, signal }, id) {
  const node = make("div", { class: "bxm-widget" });
  root.append(node);
  const widget = await host.getWidget(id);
  await widget.render({ el: node, signal });
  return node;
}

async function box(context, model, name) {
  const node = make("div", { class: `bxm-box${name === "VBoxModel" ? " bxm-column" : ""}` });
  const fill = async () => node.replaceChildren(...await Promise.all(model.get("children").map((child) => drawn(context, child))));
  model.on("change:children", fill);
  await fill();
  return node;
}

async function tabs(context, model) {
  const pages = await Promise.all(model.get("children").map((child) => drawn(context, child)));
  const bar = make("div", { class: "bxm-tabs lm-TabBar", role: "tablist" });
  const heads = model.get("titles").map((title, i) => tabHead(model, title, i));
  const choose = () => pages.forEach((page, i) => {
    const chosen = model.get("selected_index") === i;
    page.hidden = !chosen;
    heads[i].setAttribute("aria-selected", String(chosen));
    heads[i].tabIndex = chosen ? 0 : -1;
  });
  bar.append(...heads);
  bar.addEventListener("keydown", (event) => walk(event, heads));
  pages.forEach((page) => page.setAttribute("role", "tabpanel"));
  model.on("change:selected_index", choose);
  choose();
  return make("div", { class: "bxm-tabbed" }, bar, ...pages);
}

function tabHead(model, title, i) {
  const head = make("button", { type: "button", role: "tab", class: "lm-TabBar-tab" }, title);
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
  const reference = model.get("layout");
  if (!reference) return;
  const layout = await context.host.getModel(reference.replace(/^IPY_MODEL_/, "anywidget:"));
  const apply = () => LAYOUT.forEach((name) =>
    node.style.setProperty(name.replaceAll("_", "-"), layout.get(name) ?? ""));
  layout.on("change", apply);
  apply();
}

const LAYOUT = ["align_items", "align_self", "display", "flex", "flex_flow", "height", "justify_content",
  "margin", "max_height", "max_width", "min_height", "min_width", "overflow", "padding", "visibility", "width"];

export default { render };
