// Pictures to choose from.  The code stands on the page once; each tab calls it for its own rack.

const make = (tag, about = {}) => Object.assign(document.createElement(tag), about);

/** A list of cards, one stop of the Tab key: the arrow keys move, Enter and the space key choose. */
function cards(list, { label, several = false, wide = false, chosen = [], choose }) {
  const box = make("div", { className: wide ? "sp-cards sp-wide" : "sp-cards" });
  const about = { role: "listbox", "aria-label": label, "aria-multiselectable": several };
  Object.entries(about).forEach(([name, value]) => box.setAttribute(name, value));
  const items = list.map((one) => {
    const name = words[one.name] ?? one.name;
    const item = make("div", { className: "sp-pick", tabIndex: -1, title: name });
    item.setAttribute("role", "option");
    item.setAttribute("aria-label", name);
    item.setAttribute("aria-selected", chosen.includes(one.path));
    item.dataset.key = one.path;
    if (one.thumb) item.append(make("img", {
      src: served(one.thumb), alt: "", loading: "lazy", onerror: () => item.classList.add("sp-lost"),
    }));
    if (one.thumb && !one.titled) item.classList.add("sp-bare");
    item.append(make("span", { textContent: name }));
    item.onclick = () => { stop(item); choose(one, item); };
    return item;
  });
  const stop = (item) => items.forEach((other) => { other.tabIndex = other === item ? 0 : -1; });
  stop(items.find((item) => item.getAttribute("aria-selected") === "true") ?? items[0]);
  box.append(...items);
  box.onkeydown = (event) => {
    const at = items.indexOf(document.activeElement);
    const across = items.filter((item) => item.offsetTop === items[0].offsetTop).length;
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, ArrowUp: at - across, ArrowDown: at + across,
      Home: 0, End: items.length - 1 }[event.key];
    if (at < 0 || event.target !== items[at]) return;
    if (to !== undefined && items[to]) { stop(items[to]); items[to].focus(); }
    else if (event.key === "Enter" || event.key === " ") items[at].click();
    else if (to === undefined) return;
    event.preventDefault();
  };
  return box;
}

/** Replace what a part of the page holds, without losing the focus. */
function refill(home, ...parts) {
  const key = home.contains(document.activeElement) && document.activeElement.dataset.key;
  const rolled = [...home.querySelectorAll(".sp-cards")].map((one) => one.scrollLeft);
  home.replaceChildren(...parts.filter(Boolean));
  home.querySelectorAll(".sp-cards").forEach((one, n) => { one.scrollLeft = rolled[n] ?? 0; });
  if (key) home.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
}

function rack({ element, props, trigger, watch }) {
  const home = make("div", { className: "sp-rack" });
  element.append(home);
  let asked = 0, page = 0;
  let value = props.value ?? {};  // the newest answer, and what was clicked since
  const ask = (act, path = "") => trigger("submit", { act, path, page, asked: ++asked, chosen: value.chosen });
  const head = (text, ...more) => {
    const line = make("div", { className: "sp-title" });
    line.append(make("span", { textContent: text }), ...more);
    return line;
  };
  const choose = (act) => (one, item) => {
    if (props.several) return toggle(one.path);
    item.parentElement.querySelectorAll("[aria-selected=true]").forEach((other) => { other.setAttribute("aria-selected", false); });
    item.setAttribute("aria-selected", true);
    ask(act, one.path);
  };

  /** Several styles are chosen here, without the server: Run sends them as they are now. */
  function toggle(path) {
    const { chosen } = value;
    value = { ...value, asked: ++asked, chosen: chosen.includes(path) ? chosen.filter((one) => one !== path) : [...chosen, path] };
    props.value = value;
    show();  // at once: an older answer may replace this value before it is seen
  }

  function pager() {
    const turn = (text, sign, to) => {
      const button = make("button", { textContent: sign, title: text, disabled: to < 0 || to >= value.pages });
      button.setAttribute("aria-label", text);
      button.onclick = () => { page = to; ask("show"); };
      return button;
    };
    const first = value.page * value.size;
    const place = words.rack_page.replace("{first}", first + 1)
      .replace("{last}", Math.min(value.total, first + value.size)).replace("{total}", value.total);
    return [turn(words.rack_before, "‹", value.page - 1), make("output", { textContent: place }),
      turn(words.rack_after, "›", value.page + 1)];
  }

  function show() {
    const { own = [], folder = [], broken = [], first = 0, pages = 0, chosen = [] } = value;
    const styles = [...own, ...props.styles], common = { several: props.several, chosen };
    const note = [broken.length && words.rack_broken.replace("{names}", broken.join(", ")),
      first && words.rack_first.replace("{n}", first)].filter(Boolean).join(" ");
    refill(home,
      props.examples.length && head(words.examples),
      props.examples.length && cards(props.examples, { ...common, label: words.examples, wide: true, choose: choose("fill") }),
      props.styles.length && head(words.rack_styles),
      props.styles.length && cards(styles, { ...common, label: words.rack_styles, choose: choose("style") }),
      pages && head(words.rack_folder, ...(pages > 1 ? pager() : [])),
      folder.length && cards(folder, { ...common, label: words.rack_folder, choose: choose("style") }),
      note && make("p", { className: "sp-help", textContent: note }));
  }

  watch("value", () => {
    if (!props.value?.chosen) return;
    if (props.value.asked < asked) {  // an older answer
      if (props.several) queueMicrotask(() => { props.value = value; });
      return;
    }
    value = props.value;
    page = value.page ?? 0;
    show();
  });
  show();
  let due;
  const again = () => { clearTimeout(due); due = setTimeout(() => element.offsetParent && ask("show"), 200); };
  new IntersectionObserver(([seen]) => seen.isIntersecting && again()).observe(element);  // the tab was opened
  addEventListener("sp-changed", again);
}

window.styleplug = { ...window.styleplug, rack };
