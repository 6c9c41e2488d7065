// The ready-made controls of ipywidgets, drawn from their models.

const SIGNS = { play: "▶", stop: "■", flag: "⚑", cog: "⚙", download: "⤓", save: "⤓", "paper-plane": "➤",
  refresh: "↻", pause: "❚❚", medkit: "✚", times: "×", search: "⌕", copy: "✎", exchange: "⇄", users: "⚇",
  "fast-backward": "⏮", "sign-in": "⇥" };

const CONTROLS = {
  HTMLModel: (model) => showing(model, "value", make("div", { class: "bxp-html" }),
    (node, value) => { node.innerHTML = value; }), // made by status_html.py, which escapes texts
  ButtonModel: (model) => pressed(model, () => model.send({ event: "click" })),
  ToggleButtonModel: (model) => showing(model, "value", pressed(model, () => put(model, "value", !model.get("value"))),
    (node, value) => node.setAttribute("aria-pressed", String(value))),
  TextModel: (model) => labelled(model, typed(model, make("input", { type: "text", spellcheck: "false", autocomplete: "off" }))),
  TextareaModel: (model) => labelled(model, typed(model, make("textarea", { rows: model.get("rows") ?? 3, spellcheck: "false" }))),
  CheckboxModel: (model) => checked(model),
  DropdownModel: (model) => labelled(model, chosenFrom(model)),
  BoundedIntTextModel: (model) => labelled(model, counted(model)),
  FloatSliderModel: (model) => labelled(model, slid(model)),
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

function titled(model, node) {
  const title = model.get("tooltip") || model.get("placeholder");
  if (title) node.title = seen(title);
  return node;
}

function pressed(model, act) {
  const style = model.get("button_style");
  const node = titled(model, make("button", { type: "button", class: `bxp-button${style ? ` bxp-${style}` : ""}` }));
  node.addEventListener("click", act);
  const sign = SIGNS[model.get("icon")];
  showing(model, "description", node, (_, text) => node.replaceChildren(
    ...(sign ? [make("span", { "aria-hidden": "true" }, sign), " "] : []), seen(text)));
  return enabling(model, node);
}

function labelled(model, control) {
  const text = model.get("description");
  control.id = `bxp-${randomId()}`;
  return make("div", { class: "bxp-field" }, ...(text ? [make("label", { for: control.id }, text)] : []), titled(model, enabling(model, control)));
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
  const node = make("input", { type: "number", min: model.get("min"), max: model.get("max") });
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
  return titled(model, make("label", { class: "bxp-field" }, enabling(model, node), ` ${model.get("description")}`));
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
