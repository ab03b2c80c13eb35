// The shares of several pictures: a slider for each, below the pictures, and their order.
// The value is the text of the parameter, such as "2, 1"; "" stands for equal shares.  A share
// belongs to its picture: it goes with it when pictures are removed or moved.

const FULL = 100, FINE = 5;  // of a slider

function shares({ element, props, trigger, watch }) {
  const home = make("div", { className: "sp-shares" });
  element.append(home);
  const known = new Map();  // picture -> share
  let seen = [], parts = [];  // the pictures, and their shares
  const numbers = () => (props.value ?? "").split(/[\s,]+/).filter(Boolean).map(Number);
  const fit = (some) => some.length === seen.length && some.some((one) => one > 0);
  const named = (word, n) => words[word].replace("{picture}", `${props.about.slot[tongue]} ${n + 1}`);

  /** The addresses of the pictures; one that is there twice has a number. */
  function pictures() {
    const found = props.about.places.map((id) => document.getElementById(id)?.querySelector("img")?.src).filter(Boolean);
    return found.map((one, n) => ({ src: one, key: `${one}#${found.slice(0, n).filter((other) => other === one).length}` }));
  }
  function divisor(a, b) { return b ? divisor(b, a % b) : a; }
  function send() {
    seen.forEach((one, n) => known.set(one.key, parts[n]));
    const whole = parts.map((one) => Math.round(one * FULL)), unit = whole.reduce(divisor) || 1;
    props.value = whole.every((one) => one === whole[0]) ? "" : whole.map((one) => one / unit).join(", ");
  }
  function tell(moving) {
    const all = parts.reduce((sum, one) => sum + one, 0);
    home.querySelectorAll("output").forEach((one, n) => { one.textContent = `${Math.round((100 * parts[n]) / all)} %`; });
    home.querySelectorAll("input").forEach((one, n) => {
      if (one !== moving) one.value = (FULL * parts[n]) / Math.max(...parts);
      one.style.setProperty("--range_progress", `${one.value}%`);
      one.setAttribute("aria-valuetext", home.querySelectorAll("output")[n].textContent);
    });
    home.querySelector("[data-key=equal]").disabled = parts.every((one) => one === parts[0]);
  }
  function move(from, to) {
    if (from === to || to < 0 || to >= seen.length) return;
    const order = seen.map((_, n) => n);
    order.splice(to, 0, ...order.splice(from, 1));
    trigger("submit", { order });
  }

  /** A button that is dragged, by mouse or finger, or moved by arrow keys; a click moves it up. */
  function grip(row, n) {
    const button = make("button", { type: "button", className: "sp-grip", textContent: "⇅", title: words.share_move });
    button.setAttribute("aria-label", named("share_order", n));
    button.dataset.key = seen[n].key;
    const rows = () => [...row.parentElement.children];
    const under = (event) => rows().findIndex((one) => event.clientY < one.getBoundingClientRect().bottom);
    const target = (event) => { const at = under(event); return at < 0 ? seen.length - 1 : at; };
    let from = null, dragged = false;
    button.onpointerdown = (event) => {
      event.preventDefault();  // no text is selected
      button.focus();
      [from, dragged] = [event.clientY, false];
      button.setPointerCapture(event.pointerId);
    };
    button.onpointermove = (event) => {
      if (from === null || (!dragged && Math.abs(event.clientY - from) < 6)) return;
      dragged = true;
      row.style.translate = `0 ${event.clientY - from}px`;
      rows().forEach((one, place) => one.classList.toggle("sp-over", place === target(event) && place !== n));
    };
    button.onpointerup = (event) => { if (dragged) move(n, target(event)); show(); };
    button.onpointercancel = show;
    button.onclick = () => { if (!dragged) move(n, n ? n - 1 : seen.length - 1); };
    button.onkeydown = (event) => {
      const by = { ArrowUp: -1, ArrowLeft: -1, ArrowDown: 1, ArrowRight: 1 }[event.key];
      if (!by) return;
      event.preventDefault();
      move(n, n + by);
    };
    return button;
  }
  function row(one, n) {
    const made = make("li");
    const range = make("input", { type: "range", min: 0, max: FULL, step: FINE });
    range.setAttribute("aria-label", named("share_of", n));
    range.dataset.key = `${one.key} share`;
    range.oninput = () => {
      const most = Math.max(...parts) / FULL;
      parts[n] = range.value * most;
      if (!parts.some((part) => part > 0)) { parts[n] = FINE * most; range.value = FINE; }
      tell(range);
      send();
    };
    range.onchange = () => tell();  // the largest share is full
    made.append(grip(made, n), make("img", { src: one.src, alt: "", draggable: false }), range, make("output"));
    return made;
  }
  function show() {
    const given = numbers(), other = given.length > 0 && !fit(given);
    if (seen.length < 2 && !(seen.length && other)) return home.replaceChildren();
    if (!other) parts = given.length ? given : seen.map(() => 1);
    const head = make("div", { className: "sp-title" });
    const said = other ? words.share_other.replace("{n}", given.length).replace("{shares}", props.value) : props.about.title[tongue];
    const equal = make("button", { type: "button", textContent: words.share_equal });
    equal.dataset.key = "equal";
    equal.onclick = () => { parts = seen.map(() => 1); send(); show(); };
    head.append(make("span", { textContent: said }), equal);
    const list = make("ol");
    if (!other) list.append(...seen.map(row));
    refill(home, head, list);
    if (!other) tell();
  }

  /** Follow the pictures: known ones bring their shares, another one has that of its place. */
  function follow() {
    const now = pictures(), was = fit(numbers());
    if (now.map((one) => one.key).join() === seen.map((one) => one.key).join()) return;
    const mean = parts.reduce((sum, one) => sum + one, 0) / (parts.length || 1) || 1;
    seen = now;
    if (was) {
      parts = seen.map((one, n) => known.get(one.key) ?? parts[n] ?? mean);
      if (seen.length && parts.some((one) => one > 0)) send();
    }
    show();
  }
  let due;
  new MutationObserver(() => { clearTimeout(due); due = setTimeout(follow, 150); })
    .observe(element.closest(".sp-left"), { subtree: true, childList: true, attributeFilter: ["src"] });
  watch("value", () => {
    if (fit(numbers())) numbers().forEach((one, n) => known.set(seen[n].key, one));
    show();
  });
  follow();
}

window.styleplug = { ...window.styleplug, shares };
