// The choice of columns: those of every event, and paths in params.

function wireMenu(view) {
  const { columns, menu } = view.ui;
  view.boxes = Object.keys(COLUMNS).map((name) => columnBox(view, name, COLUMNS[name].title));
  const path = pathInput("Add a column: params.stage", (name) => sendPaths(view, [...view.mirror.paths, name]));
  menu.append(...view.boxes.map((box) => box.parentNode), path);
  const open = (shown) => {
    menu.hidden = !shown;
    columns.setAttribute("aria-expanded", shown);
  };
  columns.addEventListener("click", () => open(menu.hidden));
  columns.parentNode.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape" && !menu.hidden) open(false), columns.focus();
    else if (step && !menu.hidden) stepTo(view.boxes, step);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  // On press, Lab gives the focus to the cell: that must not close the menu before the click.
  let pressed = false;
  menu.addEventListener("pointerdown", () => (pressed = true));
  menu.addEventListener("click", () => (pressed = false));
  columns.parentNode.addEventListener("focusout", (event) => {
    // Without a target the window was left, or something that takes no focus was clicked.
    if (!pressed && event.relatedTarget && !columns.parentNode.contains(event.relatedTarget)) open(false);
  });
  view.closeMenu = (event) => event.composedPath().includes(columns.parentNode) || open(false);
  document.addEventListener("pointerdown", view.closeMenu);
  for (const box of view.boxes) box.checked = !COLUMNS[box.value].spare;
  setColumns(view);
}

function columnBox(view, name, title) {
  const box = make("input", { type: "checkbox", value: name });
  box.addEventListener("change", () => (name in COLUMNS ? setColumns(view)
    : sendPaths(view, view.mirror.paths.filter((path) => path !== name))));
  make("label", {}, box, title);
  return box;
}

// A field for a path in params, in the menu and below the facets.
function pathInput(label, add) {
  const input = make("input", { class: "bxlt-path-input", placeholder: label, "aria-label": label, spellcheck: "false", autocomplete: "off" });
  input.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key !== "Enter" || !input.value.trim()) return;
    const name = input.value.trim();
    add(/^params[.[]/.test(name) ? name : `params.${name}`);
    input.value = "";
  });
  return input;
}

const sendPaths = ({ model }, paths) => model.send({ kind: "columns", paths });

function takePaths(mirror, { paths }) {
  if (!paths || JSON.stringify(paths) === JSON.stringify(mirror.paths)) return;
  mirror.paths = paths;
  for (const view of mirror.views) drawPaths(view);
}

function drawPaths(view) {
  const { menu } = view.ui;
  view.boxes.filter((box) => !(box.value in COLUMNS)).forEach((box) => box.parentNode.remove());
  const fresh = view.mirror.paths.map((name) => columnBox(view, name, name));
  menu.lastChild.before(...fresh.map((box) => box.parentNode));
  for (const box of fresh) box.checked = true;
  view.boxes = [...view.boxes.filter((box) => box.value in COLUMNS), ...fresh];
  setColumns(view);
}

function stepTo(boxes, step) {
  const free = boxes.filter((box) => !box.disabled);
  const at = free.indexOf(free[0].getRootNode().activeElement);
  free[at < 0 ? 0 : (at + step + free.length) % free.length].focus();
}

function setColumns(view) {
  const { boxes } = view;
  const chosen = boxes.filter((box) => box.checked);
  for (const box of boxes) box.disabled = chosen.length === 1 && box.checked; // one has to stay
  const paths = view.mirror.paths;
  view.columns = chosen.map((box) => box.value).filter((name) => name in COLUMNS);
  const place = view.columns.findIndex((name) => COLUMNS[name].i > 3);
  view.columns.splice(place < 0 ? view.columns.length : place, 0, ...paths);
  if (view.sort && !view.columns.includes(view.sort.column)) askSort(view, null);
  drawHead(view);
  forgetDrawn(view);
  update(view, true);
}
