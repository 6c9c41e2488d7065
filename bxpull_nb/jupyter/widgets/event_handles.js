// A value as a handle: a click opens its uses, for the search, the table and the clipboard.

// A button that shows the value; `place` is a path of keys and indices, or the name of a fact.
function handle(model, text, kind, place) {
  const button = make("button", { type: "button", class: `bxed-value bxed-${kind}`, "aria-haspopup": "menu", title: "Filter, add as column, copy …" }, text);
  button.addEventListener("click", (event) => {
    event.stopPropagation();
    const root = button.closest(".bxed");
    closeMenu(root);
    root.asked = { button, place: JSON.stringify(place) };
    model.send({ kind: "handles", row: root.row, place });
  });
  return button;
}

function closeMenu(root, focus = false) {
  const menu = root.querySelector(".bxed-menu");
  if (focus) menu?.opener.focus();
  menu?.remove();
}

// The kernel has written the uses of the value.
function openMenu(model, root, { row, place, handles }) {
  const asked = root.asked;
  if (!handles || row !== root.row || asked?.place !== JSON.stringify(place)) return;
  closeMenu(root);
  const use = (label, action, text) => menuItem(root, label, text, () => model.send({ kind: "use", action, text }));
  const filters = handles.term === null ? [] : [use("Filter for this value", "only", handles.term), use("Filter it out", "without", handles.term)];
  const inside = Array.isArray(place) ? [use("Add as column", "column", handles.name)] : [];
  const facet = handles.term === null ? [] : [use("Count its values", "facet", handles.name)];
  const copies = handles.copies.map(([label, text]) => menuItem(root, `Copy ${label}`, text, () => copy(root, label, text)));
  const menu = make("div", { class: "bxed-menu", role: "menu", "aria-label": handles.name }, ...filters, ...inside, ...facet, make("hr", {}), ...copies);
  menu.opener = asked.button;
  root.append(menu);
  const [box, at] = [root.getBoundingClientRect(), asked.button.getBoundingClientRect()];
  menu.style.top = `${at.bottom - box.top + root.scrollTop + 2}px`;
  menu.style.left = `${Math.max(0, Math.min(at.left - box.left, root.clientWidth - menu.offsetWidth - 4))}px`;
  menu.addEventListener("keydown", (event) => stepInMenu(root, menu, event));
  menu.querySelector("button")?.focus({ preventScroll: true });
  menu.scrollIntoView({ block: "nearest" });
}

function menuItem(root, label, text, act) {
  const item = make("button", { type: "button", role: "menuitem", title: cut(text, 400) }, label);
  item.addEventListener("click", (event) => {
    event.stopPropagation();
    act();
    closeMenu(root, true);
  });
  return item;
}

function stepInMenu(root, menu, event) {
  const items = [...menu.querySelectorAll("button")];
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (event.key === "Escape" || event.key === "Tab") closeMenu(root, true);
  else if (step) items[(items.indexOf(document.activeElement) + step + items.length) % items.length].focus();
  else return;
  event.stopPropagation();
  event.preventDefault();
}

// Without https or localhost there is no clipboard of the new kind.
async function copy(root, label, text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = make("textarea", { class: "bx-status" });
    area.value = text;
    root.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  root.status.textContent = `Copied: ${label}`;
  clearTimeout(root.statusTimer);
  root.statusTimer = setTimeout(() => (root.status.textContent = ""), 3000);
}
