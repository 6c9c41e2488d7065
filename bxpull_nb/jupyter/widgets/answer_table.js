// The answer to a question. Everything is text.

function render(page) {
  const root = make("div", { class: "bx bxat", role: "region", "aria-label": "Answer", ...OWN_KEYS });
  return connect(page, root, (content) => {
    if (content.kind === "answer") show(root, content);
  });
}

function show(root, { code, note, columns, rows }) {
  const line = make("code", { class: "bxat-code", title: "The same in Python" }, code);
  const status = make("div", { class: "bxat-note", role: "status" }, note);
  const head = make("tr", {}, ...columns.map((name) => make("th", { scope: "col" }, name)));
  const body = rows.map((cells) => make("tr", {}, ...cells.map((text) => make("td", text === null ? { class: "bxat-none" } : { title: text }, text ?? "–"))));
  const table = columns.length ? [make("div", { class: "bxat-scroll", tabindex: 0, role: "group", "aria-label": "Rows" },
    make("table", {}, make("thead", {}, head), make("tbody", {}, ...body)))] : [];
  root.replaceChildren(...(code ? [line] : []), status, ...table);
}

export default { render };
