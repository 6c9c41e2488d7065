// Hides the panel's saved picture once the kernel has answered. The line about a kernel that is
// gone is always there: the style sheet shows it when Jupyter marks the widget as disconnected.

function render(page) {
  const style = document.createElement("style");
  const root = make("div", { class: "bx bxks" }, style, make("p", { class: "bxks-gone", role: "alert" },
    "This panel is dead: its kernel was restarted or has ended. Run the cell again for a live one."));
  return connect(page, root, ({ kind, picture }) => {
    if (kind !== "alive") return;
    const output = `.${CSS.escape(picture)}`;
    style.textContent = `${output}, .jp-OutputArea-child:has(${output}) { display: none; }`;
  });
}

export default { render };
