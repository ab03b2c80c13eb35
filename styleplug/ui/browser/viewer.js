// The viewer: one or two pictures over the whole window, with zoom to 1:1 and panning.
// Two pictures lie over one another, divided by a line that can be moved; both move together.

/** Show pictures: [{src, label}], one or two. `words` are the texts of the page. */
function view(pictures, words) {
  const make = (tag, kind, text = "") =>
    Object.assign(document.createElement(tag), { className: kind, textContent: text });
  const before = document.activeElement;
  const box = make("dialog", "sp-viewer");
  box.setAttribute("aria-label", pictures.map((one) => one.label).join(" | "));
  const field = make("div", "sp-field");
  const bar = make("div", "sp-tools");
  const images = pictures.map(({ src, label }) => Object.assign(make("img", ""), { src, alt: label }));
  const state = { scale: 1, x: 0, y: 0, part: 0.5 };

  const fit = () => {
    const { naturalWidth: w, naturalHeight: h } = images.at(-1);
    state.scale = Math.min(field.clientWidth / w, field.clientHeight / h) || 1;
    Object.assign(state, { x: 0, y: 0 });
    place();
  };
  const place = () => {
    const { naturalWidth: w, naturalHeight: h } = images.at(-1);
    const width = w * state.scale, height = h * state.scale;
    const room = { x: Math.max(0, (width - field.clientWidth) / 2), y: Math.max(0, (height - field.clientHeight) / 2) };
    for (const axis of "xy") state[axis] = Math.min(room[axis], Math.max(-room[axis], state[axis]));
    const left = (field.clientWidth - width) / 2 + state.x, top = (field.clientHeight - height) / 2 + state.y;
    for (const image of images)
      Object.assign(image.style, { width: `${width}px`, height: `${height}px`, left: `${left}px`, top: `${top}px` });
    if (images.length > 1) {
      const line = state.part * field.clientWidth;
      images[1].style.clipPath = `inset(0 0 0 ${Math.min(width, Math.max(0, line - left))}px)`;
      handle.style.left = `${line}px`;
      handle.setAttribute("aria-valuenow", Math.round(100 * state.part));
    }
    percent.textContent = `${Math.round(100 * state.scale)} %`;
  };
  const zoom = (scale, at) => {
    const middle = field.getBoundingClientRect();
    const x = (at?.clientX ?? middle.left + middle.width / 2) - middle.left - middle.width / 2;
    const y = (at?.clientY ?? middle.top + middle.height / 2) - middle.top - middle.height / 2;
    const by = Math.min(16, Math.max(0.02, scale)) / state.scale;
    state.x = x - (x - state.x) * by;
    state.y = y - (y - state.y) * by;
    state.scale *= by;
    place();
  };
  const button = (text, name, act) => {
    const one = make("button", "", text);
    one.title = name;
    one.setAttribute("aria-label", name);
    one.onclick = act;
    bar.append(one);
  };
  button("−", words.zoom_out, () => zoom(state.scale / 1.5));
  const percent = make("output", "");
  bar.append(percent);
  button("+", words.zoom_in, () => zoom(state.scale * 1.5));
  button("1:1", words.zoom_real, () => zoom(1 / devicePixelRatio));
  button("⤢", words.zoom_fit, fit);
  button("✕", words.close, () => box.close());

  const handle = make("div", "sp-handle");
  Object.entries({ role: "slider", tabindex: "0", "aria-label": words.compare, "aria-valuemin": 0, "aria-valuemax": 100 })
    .forEach(([name, value]) => handle.setAttribute(name, value));
  field.append(...images);
  pictures.forEach(({ label }, n) => field.append(make("span", `sp-label sp-label${n}`, label)));
  if (images.length > 1) field.append(handle);
  box.append(field, bar);
  document.body.append(box);

  const touches = new Map();
  let spread = 0;
  field.onpointerdown = (event) => {
    touches.set(event.pointerId, event);
    field.setPointerCapture(event.pointerId);
    field.dataset.drags = event.target === handle ? "line" : "picture";
    event.preventDefault();
  };
  field.onpointermove = (event) => {
    const last = touches.get(event.pointerId);
    if (!last) return;
    touches.set(event.pointerId, event);
    const [one, two] = [...touches.values()];
    if (two) {
      const now = Math.hypot(one.clientX - two.clientX, one.clientY - two.clientY);
      if (spread) zoom((state.scale * now) / spread, { clientX: (one.clientX + two.clientX) / 2, clientY: (one.clientY + two.clientY) / 2 });
      spread = now;
    } else if (field.dataset.drags === "line") {
      state.part = Math.min(1, Math.max(0, (event.clientX - field.getBoundingClientRect().left) / field.clientWidth));
      place();
    } else {
      state.x += event.clientX - last.clientX;
      state.y += event.clientY - last.clientY;
      place();
    }
  };
  field.onpointerup = field.onpointercancel = (event) => { touches.delete(event.pointerId); spread = 0; };
  field.onwheel = (event) => { event.preventDefault(); zoom(state.scale * 1.0015 ** -event.deltaY, event); };
  field.ondblclick = (event) => zoom(1 / devicePixelRatio, event);
  box.onkeydown = (event) => {
    const step = { ArrowLeft: -0.02, ArrowRight: 0.02 }[event.key];
    if (step && images.length > 1) state.part = Math.min(1, Math.max(0, state.part + step));
    const scale = { "+": state.scale * 1.25, "-": state.scale / 1.25, 1: 1 / devicePixelRatio }[event.key];
    if (scale) zoom(scale); else if (event.key === "0") fit(); else if (step) place(); else return;
    event.preventDefault();
  };
  const watcher = new ResizeObserver(fit);
  watcher.observe(field);
  images.forEach((image) => { image.onload = fit; });
  box.onclose = () => { watcher.disconnect(); box.remove(); before?.focus?.(); };
  box.showModal();
  (images.length > 1 ? handle : bar.lastChild).focus();
}
