// The config card: shows the kernel's config; the bars of life run by the page's own clock.

const TICK_MS = 1000;

function render({ model, el }) {
  const root = make("div", { class: "bx bxcc", role: "group", "aria-label": "Connection config" });
  const view = { model, root, bars: [], ids: new Map() };
  const disconnect = connect({ model, el }, root, (content) => {
    if (content.kind === "config") show(view, content);
    if (content.kind === "id") view.ids.get(content.channel)?.(content.id);
  });
  const timer = setInterval(() => view.bars.forEach((tick) => tick()), TICK_MS);
  return () => {
    clearInterval(timer);
    disconnect();
  };
}

function show(view, { server, channels, now, unfolded }) {
  const ahead = now - Date.now(); // the portal's clock against this page's
  view.bars = [];
  view.ids.clear();
  const facts = server.map(([name, value]) =>
    make("span", { class: "bxcc-fact" }, make("span", { class: "bxcc-name" }, name), " ", value));
  const lives = channels.map((channel) => lifeOf(view, channel, ahead));
  const rows = channels.map((channel) => channelRow(view, channel, ahead));
  const line = make("summary", { class: "bxcc-line", title: "The connection config: click for all of it" },
    ...lives, make("span", { class: "bxcc-name" }, server.length ? server[0][1] : ""));
  const card = make("details", {}, line, make("div", { class: "bxcc-facts" }, ...facts), ...rows);
  card.open = unfolded;
  view.root.replaceChildren(card);
}

// The channel in the folded line: its name and the life it has left.
function lifeOf(view, { type, start, end }, ahead) {
  const left = make("span", { class: "bxcc-name" });
  const node = make("span", { class: "bxcc-life", title: "The channel's life left" }, make("span", { class: "bxcc-dot", "aria-hidden": "true" }, "●"), `${type} `, left);
  view.bars.push(() => {
    const ms = end - (Date.now() + ahead);
    left.textContent = lifeLeft(ms).replace(/( h \d\d) min left$| left$/, "$1");
    node.classList.toggle("bxcc-low", ms < 600_000);
  });
  view.bars.at(-1)();
  return node;
}

function channelRow(view, { type, masked, start, end }, ahead) {
  const fill = make("span", { class: "bxcc-fill" });
  const bar = make("span", { class: "bxcc-bar", role: "meter", "aria-label": `life left of the ${type} channel`,
    "aria-valuemin": "0", "aria-valuemax": "100" }, fill);
  const left = make("span", { class: "bxcc-left" });
  view.bars.push(() => tick({ bar, fill, left, start, end }, Date.now() + ahead));
  view.bars.at(-1)();
  left.title = `until ${utc(end).slice(0, 19)} UTC`;
  const shown = make("code", { class: "bxcc-shown" }); // on a line of its own: the button stays put
  return make("div", { class: "bxcc-channel" }, make("b", {}, type), make("code", { class: "bxcc-id" }, masked),
    holdButton(view, type, shown), bar, left, shown);
}

// The id is shown only while the button is held, and cannot be selected, copied or saved.
function holdButton(view, type, shown) {
  const button = make("button", { type: "button", class: "bxcc-hold", title: "Hold to show the id: it is a secret" }, "hold to show");
  let held = false;
  const hold = () => { held = true; view.model.send({ kind: "reveal", channel: type }); };
  const release = () => { held = false; shown.textContent = ""; };
  view.ids.set(type, (secret) => { if (held) shown.textContent = secret; });
  button.addEventListener("pointerdown", hold);
  for (const end of ["pointerup", "pointerleave", "pointercancel", "blur", "keyup"]) button.addEventListener(end, release);
  button.addEventListener("keydown", (event) => { if (event.key === " " && !event.repeat) hold(); });
  return button;
}

function tick({ bar, fill, left, start, end }, now) {
  const share = Math.max(0, Math.min(1, (end - now) / Math.max(1, end - start)));
  fill.style.width = `${(100 * share).toFixed(2)}%`;
  bar.setAttribute("aria-valuenow", Math.round(100 * share));
  bar.classList.toggle("bxcc-low", end - now < 600_000);
  left.textContent = lifeLeft(end - now);
  bar.setAttribute("aria-valuetext", left.textContent);
}

function lifeLeft(ms) {
  if (ms <= 0) return "over";
  const seconds = Math.floor(ms / 1000);
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  if (hours) return `${hours} h ${String(minutes).padStart(2, "0")} min left`;
  return `${minutes} min ${String(seconds % 60).padStart(2, "0")} s left`;
}

export default { render };
