// The tab Gallery: the server sends a page of results, and is asked for everything else.

const make = (tag, about = {}) => Object.assign(document.createElement(tag), about);
const home = make("section", { className: "sp-strip sp-kept" });
const count = make("span"), list = make("ul"), pager = make("nav");
const search = make("input", { type: "search", placeholder: words.gallery_search, maxLength: 100 });
const method = make("select", { ariaLabel: words.gallery_all });
const pack = make("button", { textContent: words.strip_zip });
const head = make("header");
head.append(search, method, count, pack);
home.append(head, list, pager);
element.append(home);
search.setAttribute("aria-label", words.gallery_search);

let page = 0, picked = null, packed = "", asked = 0;
let value = {};  // the newest answer; an older one may come later
const ask = (act, more = {}) =>
  trigger("submit", { act, page, text: search.value, method: method.value, asked: ++asked, ...more });
const first = () => { page = 0; ask("show"); };
let typing;
search.oninput = () => { clearTimeout(typing); typing = setTimeout(first, 250); };
method.onchange = first;
pack.onclick = () => { pack.disabled = true; ask("zip"); };

const ACTS = [
  ["↺", "gallery_open", (one) => { ask("open", { name: one.name }); scrollTo({ top: 0, behavior: "smooth" }); }],
  ["⇆", "strip_compare", (one) => {
    if (!picked || picked.name === one.name) picked = picked ? null : one;
    else {
      view([picked, one].map(({ path, name }) => ({ src: served(path), label: name })), words);
      picked = null;
    }
    show();
  }],
  ["↓", "strip_download", (one) => make("a", { href: served(one.path), download: one.name.split("/").at(-1) }).click()],
  ["✕", "strip_delete", (one) => ask("delete", { name: one.name })],
];

function card(one) {
  const item = make("li"), name = one.name.split("/").at(-1);
  const picture = make("button", { className: "sp-card", title: one.name });
  if (one.thumb) picture.append(make("img", { src: served(one.thumb), alt: name, loading: "lazy" }));
  else picture.append(words.gallery_broken);
  picture.onclick = () => one.thumb && view([{ src: served(one.path), label: name }], words);
  const tools = make("div");
  for (const [sign, word, act] of ACTS) {
    const tool = make("button", { textContent: sign, title: words[word], onclick: () => act(one) });
    tool.setAttribute("aria-label", `${words[word]}: ${name}`);
    if (word === "strip_compare") tool.setAttribute("aria-pressed", picked?.name === one.name);
    tools.append(tool);
  }
  const when = new Date(1000 * one.time).toLocaleString(undefined, { dateStyle: "short", timeStyle: "short" });
  item.append(picture, make("span", { textContent: name.replace(/\.\w+$/, "") }),
    make("span", { textContent: [one.method, when].filter(Boolean).join(" · ") }), tools);
  return item;
}

function show() {
  const { results = [], total = 0, pages = 1, methods = {}, zip = "" } = value;
  if (method.length < 2) method.replaceChildren(new Option(words.gallery_all, ""),
    ...Object.entries(methods).map(([id, title]) => new Option(title, id)));
  count.textContent = picked ? words.strip_other : total ? words.gallery_count.replace("{n}", total) : words.gallery_none;
  pack.disabled = !total;
  list.replaceChildren(...results.map(card));
  const turn = (text, to) => make("button", { textContent: text, disabled: to < 0 || to >= pages, onclick: () => { page = to; ask("show"); } });
  pager.hidden = pages < 2;
  pager.replaceChildren(turn(words.gallery_before, page - 1),
    make("output", { textContent: words.gallery_page.replace("{n}", page + 1).replace("{total}", pages) }),
    turn(words.gallery_after, page + 1));
  if (zip && zip !== packed) make("a", { href: served(packed = zip), download: "styleplug-gallery.zip" }).click();
}

function take(answer) {
  if (!answer?.results || answer.asked < (value.asked ?? 0)) return;
  value = answer;
  page = value.page;
  show();
}

watch("value", () => take(props.value));
show();
new IntersectionObserver(([seen]) => seen.isIntersecting && ask("show")).observe(element);  // the tab was opened
