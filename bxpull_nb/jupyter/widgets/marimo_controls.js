// The ready-made controls of ipywidgets, drawn from their models. Their class names are those of
// Jupyter, so that one style sheet and one test serve both.

const SIGNS = { play: "▶", stop: "■", flag: "⚑", cog: "⚙", download: "⤓", save: "⤓", "paper-plane": "➤",
  refresh: "↻", pause: "❚❚", medkit: "✚", times: "×" };

const CONTROLS = {
  HTMLModel: (model) => showing(model, "value", make("div", { class: "widget-html" }),
    (node, value) => { node.innerHTML = value; }), // made by status_html.py, which escapes texts
  HTMLMathModel: (model) => CONTROLS.HTMLModel(model),
  LabelModel: (model) => showing(model, "value", make("span", {}), (node, value) => { node.textContent = seen(value); }),
  ButtonModel: (model) => pressed(model, () => model.send({ event: "click" })),
  ToggleButtonModel: (model) => showing(model, "value", pressed(model, () => put(model, "value", !model.get("value"))),
    (node, value) => node.setAttribute("aria-pressed", String(value))),
  TextModel: (model) => labelled(model, "widget-text", typed(model, make("input", { type: "text" }))),
  TextareaModel: (model) => labelled(model, "widget-textarea", typed(model, make("textarea", { rows: model.get("rows") ?? 3 }))),
  CheckboxModel: (model) => checked(model),
  DropdownModel: (model) => labelled(model, "widget-dropdown", chosenFrom(model)),
  IntTextModel: (model) => labelled(model, "widget-text", counted(model)),
  BoundedIntTextModel: (model) => CONTROLS.IntTextModel(model),
  FloatSliderModel: (model) => labelled(model, "widget-slider", slid(model)),
  IntSliderModel: (model) => CONTROLS.FloatSliderModel(model),
};

function put(model, name, value) {
  model.set(name, value);
  model.save_changes();
}

// Shows a trait now and after each change.
function showing(model, name, node, show) {
  const update = () => show(node, model.get(name));
  model.on(`change:${name}`, update);
  update();
  return node;
}

function enabling(model, node) {
  return showing(model, "disabled", node, (_, disabled) => { node.disabled = Boolean(disabled); });
}

function pressed(model, act) {
  const style = model.get("button_style");
  const node = make("button", { type: "button", class: `jupyter-button${style ? ` mod-${style}` : ""}` });
  if (model.get("tooltip")) node.title = seen(model.get("tooltip"));
  node.addEventListener("click", act);
  const sign = SIGNS[model.get("icon")];
  showing(model, "description", node, (_, text) => node.replaceChildren(
    ...(sign ? [make("span", { "aria-hidden": "true" }, sign), " "] : []), seen(text)));
  return enabling(model, node);
}

function labelled(model, name, control) {
  const title = model.get("tooltip") || model.get("placeholder");
  if (title) control.title = seen(title);
  return make("label", { class: `bxm-label ${name}` }, model.get("description") ?? "", " ", enabling(model, control));
}

function typed(model, node) {
  node.placeholder = model.get("placeholder") ?? "";
  node.addEventListener("input", () => put(model, "value", node.value));
  node.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && node.tagName === "INPUT") model.send({ event: "submit" });
  });
  return showing(model, "value", node, (_, value) => { if (node.value !== value) node.value = value; });
}

function counted(model) {
  const node = make("input", { type: "number", min: model.get("min") ?? "", max: model.get("max") ?? "" });
  node.addEventListener("change", () => put(model, "value", Math.round(Number(node.value)) || 0));
  return showing(model, "value", node, (_, value) => { node.value = value; });
}

function slid(model) {
  const node = make("input", { type: "range", min: model.get("min"), max: model.get("max"), step: model.get("step") });
  node.addEventListener("change", () => put(model, "value", Number(node.value)));
  return showing(model, "value", node, (_, value) => { node.value = value; });
}

function checked(model) {
  const node = make("input", { type: "checkbox" });
  node.addEventListener("change", () => put(model, "value", node.checked));
  showing(model, "value", node, (_, value) => { node.checked = value; });
  const label = make("label", { class: "bxm-label widget-checkbox" }, enabling(model, node), ` ${model.get("description")}`);
  if (model.get("tooltip")) label.title = seen(model.get("tooltip"));
  return label;
}

function chosenFrom(model) {
  const node = make("select", {});
  node.addEventListener("change", () => put(model, "index", node.selectedIndex));
  showing(model, "_options_labels", node, (_, names) => {
    node.replaceChildren(...(names ?? []).map((name) => make("option", {}, name)));
    node.selectedIndex = model.get("index") ?? -1;
  });
  return showing(model, "index", node, (_, index) => { node.selectedIndex = index ?? -1; });
}
