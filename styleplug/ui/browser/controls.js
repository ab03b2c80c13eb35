// What the page adds to the controls of settings: curved sliders, sizes to choose from, a dice for
// seeds, and a way back.  Tabs are built when they are opened, so new controls are looked for.

const SIZES = { size_draft: 256, size_screen: 1024, size_print: 4096 };
const KEY = 0.01;  // share of a slider that an arrow key moves
const DIE = `<svg viewBox="0 0 24 24" width="22" fill="none" stroke="currentColor" stroke-width="2" aria-hidden="true">
  <rect x="3" y="3" width="18" height="18" rx="4"/><path stroke-width="3.4" stroke-linecap="round" d="M8 8h0M16 8h0M12 12h0M8 16h0M16 16h0"/></svg>`;
const setter = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set;
const number = (block) => block.querySelector("input[type=number]");

/** Write a value as a visitor would. */
function write(box, value) {
  setter.call(box, value);
  for (const kind of ["input", "change"]) box.dispatchEvent(new Event(kind, { bubbles: true }));
}

function button(text, name, act) {
  const made = Object.assign(document.createElement("button"), { type: "button", textContent: text, title: name, onclick: act });
  made.setAttribute("aria-label", name);
  return made;
}

/** An exponential scale from `low` at 0 over `middle` at 0.5 to `high` at 1. */
function curve(low, middle, high) {
  const base = ((high - middle) / (middle - low)) ** 2, unit = (high - low) / (base - 1);
  return {
    value: (place) => low + unit * (base ** place - 1),
    place: (value) => Math.log(1 + (value - low) / unit) / Math.log(base),
  };
}

/** Put a slider with a curved scale in place of that of gradio, which still holds the value. */
function bend(block, middle) {
  const range = block.querySelector("input[type=range]"), box = number(block);
  const [low, high, step] = [range.min, range.max, range.step].map(Number);
  const { value, place } = curve(low, middle, high);
  const bent = range.cloneNode();
  for (const name of ["name", "data-testid"]) bent.removeAttribute(name);
  Object.assign(bent, { min: 0, max: 1, step: "any" });
  const rounded = (exact) => {
    const steps = Math.round((Math.min(high, Math.max(low, exact)) - low) / step);
    return Number((low + steps * step).toFixed(6));
  };
  const show = () => {
    const now = place(Number(box.value) || low);
    if (document.activeElement !== bent || Math.abs(now - bent.value) > KEY / 2) bent.value = now;
    bent.style.setProperty("--range_progress", `${100 * bent.value}%`);
    bent.setAttribute("aria-valuetext", box.value);
  };
  bent.oninput = () => { write(box, rounded(value(Number(bent.value)))); show(); };
  bent.onkeydown = (event) => {
    const by = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10 }[event.key];
    if (!by) return;
    event.preventDefault();
    const now = Number(box.value), wanted = rounded(value(place(now) + by * KEY));
    write(box, wanted === now ? rounded(now + Math.sign(by) * step) : wanted);
    bent.value = place(Number(box.value));
    show();
  };
  box.addEventListener("input", show);
  new MutationObserver(show).observe(range, { attributes: true, attributeFilter: ["style"] });
  range.removeAttribute("id");  // the label belongs to the new one
  range.hidden = true;
  range.after(bent);
  show();
}

function sizes(block) {
  const box = number(block), row = document.createElement("div");
  row.className = "sp-chips";
  for (const [word, size] of Object.entries(SIZES))
    if (size <= Number(box.max)) row.append(button(`${words[word]} ${size}`, `${words[word]}: ${size} px`, () => write(box, size)));
  block.querySelector(".head").after(row);
}

function dice(block) {
  const box = number(block), [low, high] = [box.min, box.max].map(Number);
  const roll = button("", words.dice, () => write(box, low + Math.floor(Math.random() * (high - low + 1))));
  roll.className = "sp-dice";
  roll.innerHTML = DIE;
  box.after(roll);
}

// The settings of each tab, the newest last.
const SOON = 700, MOST = 100;  // milliseconds in which changes count as one; states
const past = {};
const may = (tab) => ({ __type__: "update", interactive: past[tab].states.length > 1 });
window.styleplug = {
  ...window.styleplug,
  /** Remember settings that changed; `first` are those of a new page. */
  changed(tab, first, values) {
    const own = past[tab] ??= { states: [first], time: 0 }, { states } = own, now = Date.now();
    if (JSON.stringify(values) !== JSON.stringify(states.at(-1))) {
      if (states.length > 1 && now - own.time < SOON) states.pop();
      states.push(values);
      if (states.length > MOST) states.shift();
      own.time = now;
    }
    return may(tab);
  },
  /** The settings before the last change. */
  undone(tab) {
    const own = past[tab];
    if (own.states.length > 1) own.states.pop();
    own.time = Date.now();
    return [...own.states.at(-1), may(tab)];
  },
};

function decorate() {
  for (const block of document.querySelectorAll("[class*=sp-curved-], .sp-sizes, .sp-seed")) {
    if (block.dataset.decorated || !number(block)) continue;
    block.dataset.decorated = "yes";
    const curved = /sp-curved-([\d.e-]+)/.exec(block.className);
    if (curved) bend(block, Number(curved[1]));
    if (block.classList.contains("sp-sizes")) sizes(block);
    if (block.classList.contains("sp-seed")) dice(block);
  }
}
let due = 0;
new MutationObserver(() => { due ||= requestAnimationFrame(() => { due = 0; decorate(); }); })
  .observe(document.body, { childList: true, subtree: true });
decorate();
