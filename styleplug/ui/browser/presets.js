// Presets of a method: those that it declares, and those of the visitor, kept in this browser only.
// A preset of the visitor is {name, recipe}; exported, it is the recipe as JSON.

const PRESETS = "styleplug-presets", PRESET_MOST = 40, PRESET_BYTES = 65536;  // of a method; of a file

function presets({ element, props, trigger, watch }) {
  const home = make("div", { className: "sp-rack" });
  element.append(home);
  const all = () => { try { return JSON.parse(localStorage.getItem(PRESETS)) ?? {}; } catch { return {}; } };
  const own = () => all()[props.method] ?? [];
  function keep(some) {
    let said = "";
    try {
      localStorage.setItem(PRESETS, JSON.stringify({ ...all(), [props.method]: some.slice(0, PRESET_MOST) }));
    } catch { said = words.preset_refused; }
    show(said);
  }
  const button = (text, act, about = {}) => make("button", { textContent: text, onclick: act, ...about });
  const tool = (sign, word, one, act) => {
    const made = button(sign, act, { title: words[word] });
    made.setAttribute("aria-label", `${words[word]}: ${one.name}`);
    return made;
  };

  function save() {
    const name = make("input", { maxLength: 40, placeholder: words.preset_name });
    name.setAttribute("aria-label", words.preset_name);
    const form = make("form", { className: "sp-name", onsubmit: (event) => {
      event.preventDefault();
      if (name.value.trim()) trigger("submit", { act: "save", name: name.value.trim() });
    } });
    name.onkeydown = (event) => { if (event.key === "Escape") show(); };
    form.append(name, make("button", { textContent: words.preset_save }));
    home.querySelector(".sp-title").replaceChildren(form);
    name.focus();
  }
  async function bring(file) {
    if (!file) return;
    const text = file.size > PRESET_BYTES ? "" : await file.text();
    trigger("submit", { act: "import", name: file.name.replace(/\.json$/i, "").slice(0, 40), text });
  }
  function send({ name, recipe }) {
    const href = URL.createObjectURL(new Blob([JSON.stringify(recipe, null, 1)], { type: "application/json" }));
    make("a", { href, download: `${name}.json` }).click();
    setTimeout(() => URL.revokeObjectURL(href), 60000);
  }

  function show(said = "") {
    const file = make("input", { type: "file", accept: ".json,application/json", hidden: true });
    file.onchange = () => bring(file.files[0]);
    const head = make("div", { className: "sp-title" });
    head.append(make("span", { textContent: words.presets }), button(words.preset_new, save),
      button(words.preset_import, () => file.click()), file);
    const ours = props.presets.map((one) => ({ ...one, name: one.name[tongue], titled: true, path: one.id }));
    const rows = make("ul", { className: "sp-own" });
    rows.append(...own().map((one) => {
      const row = make("li");
      row.append(button(one.name, () => trigger("submit", { act: "load", recipe: one.recipe })),
        tool("↓", "preset_export", one, () => send(one)),
        tool("✕", "preset_delete", one, () => keep(own().filter((other) => other.name !== one.name))));
      return row;
    }));
    const use = (one) => trigger("submit", { act: "use", id: one.id });
    refill(home, head, ours.length && cards(ours, { label: words.presets, choose: use }), rows.childElementCount && rows,
      said && make("p", { className: "sp-help", textContent: said }));
  }

  let last = "";
  watch("value", () => {
    const { saved, asked } = props.value ?? {};
    if (!saved || asked === last) return;
    last = asked;
    keep([saved, ...own().filter((one) => one.name !== saved.name)]);
  });
  addEventListener("storage", (event) => event.key === PRESETS && show());
  show();
}

window.styleplug = { ...window.styleplug, presets };
