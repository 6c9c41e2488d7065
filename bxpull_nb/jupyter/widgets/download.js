// A button that saves the kernel's file through the browser.

function render(page) {
  const root = make("div", { class: "bx bxdl" });
  return connect(page, root, (content, buffers) => {
    if (content.kind === "offer") offer(page.model, root, content.name);
    if (content.kind === "file") save(content.name, buffers[0]);
    if (content.kind === "failed") root.append(make("p", { role: "alert" }, content.text));
  });
}

function offer(model, root, name) {
  const button = make("button", { type: "button", class: "bxdl-button" }, `Download ${name}`);
  button.addEventListener("click", () => model.send({ kind: "get" }));
  root.replaceChildren(...(name ? [button] : []));
}

function save(name, bytes) {
  const address = URL.createObjectURL(new Blob([bytes]));
  make("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000); // the browser reads it after the click
}

export default { render };
