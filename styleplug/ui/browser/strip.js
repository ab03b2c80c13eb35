// The strip of results: kept in this browser only (IndexedDB), so that they survive another run, a
// change of tab and a reload.  The newest stay, and those with a star longest.

const MOST = 60, BYTES = 200e6, SIDE = 200;  // results, their bytes, side of a thumbnail

const opened = new Promise((done, failed) => {
  const request = indexedDB.open("styleplug", 1);
  request.onupgradeneeded = () => request.result.createObjectStore("results", { keyPath: "id" });
  request.onsuccess = () => done(request.result);
  request.onerror = () => failed(request.error);
});
const store = async (mode, act) => {
  const request = act((await opened).transaction("results", mode).objectStore("results"));
  return new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });
};
const all = async () => (await store("readonly", (results) => results.getAll())).sort((a, b) => b.time - a.time);
const put = (one) => store("readwrite", (results) => results.put(one));
const GONE = "styleplug-gone";  // ids of removed results, which a reload must not bring back
const gone = () => JSON.parse(localStorage.getItem(GONE) ?? "[]");
const drop = (one) => store("readwrite", (results) => results.delete(one.id));

async function thumbnail(blob) {
  const image = await createImageBitmap(blob);
  const scale = Math.min(1, SIDE / Math.min(image.width, image.height));
  const canvas = Object.assign(document.createElement("canvas"), { width: image.width * scale, height: image.height * scale });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL("image/webp", 0.8);
}

/** Keep a result {id, name, path, recipe}; then drop the oldest ones, those without a star first. */
async function keep(result) {
  if (!result?.id || gone().includes(result.id) || (await store("readonly", (results) => results.get(result.id)))) return;
  const answer = await fetch(served(result.path));
  if (!answer.ok) return;
  const blob = await answer.blob();
  await put({ ...result, path: "", blob, thumb: await thumbnail(blob), time: Date.now(), star: false });
  const rest = (await all()).sort((a, b) => b.star - a.star || b.time - a.time);
  let bytes = 0;
  for (const [number, one] of rest.entries()) {
    bytes += one.blob.size;
    if (number && (number >= MOST || bytes > BYTES)) await drop(one);
  }
  await show();
}

const home = document.createElement("section");
home.className = "sp-strip";
home.setAttribute("aria-label", words.strip);
element.append(home);
let picked = null;  // to be compared with the next one
let urls = [];

function save(blob, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}
const send = (data) => trigger("submit", data);
async function use(one, role) {
  send({ act: "use", role, file: await upload(new File([one.blob], one.name, { type: one.blob.type })) });
  scrollTo({ top: 0, behavior: "smooth" });
}
async function compare(one) {
  if (!picked || picked.id === one.id) picked = picked ? null : one;
  else {
    view([picked, one].map(({ blob, name }) => ({ src: address(blob), label: name })), words);
    picked = null;
  }
  await show();
}
function address(blob) {
  urls.push(URL.createObjectURL(blob));
  return urls.at(-1);
}
const ACTS = [
  ["★", "strip_star", async (one) => { await put({ ...one, star: !one.star }); await show(); }, (one) => one.star],
  ["⇆", "strip_compare", compare, (one) => picked?.id === one.id],
  ["↺", "strip_restore", (one) => { send({ act: "restore", recipe: one.recipe }); scrollTo({ top: 0, behavior: "smooth" }); }],
  ["▣", "strip_content", (one) => use(one, "content")],
  ["▦", "strip_style", (one) => use(one, "style")],
  ["↓", "strip_download", (one) => save(one.blob, one.name)],
  ["✕", "strip_delete", async (one) => {
    localStorage.setItem(GONE, JSON.stringify([...gone(), one.id].slice(-20)));
    await drop(one);
    await show();
  }],
];

async function show() {
  const results = await all();
  urls.splice(0).forEach((url) => setTimeout(() => URL.revokeObjectURL(url), 60000));
  home.hidden = !results.length;
  const head = Object.assign(document.createElement("header"), {});
  head.append(Object.assign(document.createElement("h2"), { textContent: words.strip }),
    Object.assign(document.createElement("span"), { textContent: picked ? words.strip_other : words.strip_where }),
    Object.assign(document.createElement("button"), {
      textContent: words.strip_zip, onclick: async () => save(await zip(results), "styleplug.zip"),
    }));
  const row = document.createElement("ul");
  for (const one of results) {
    const card = document.createElement("li");
    const picture = Object.assign(document.createElement("button"), { className: "sp-card", title: one.name });
    picture.append(Object.assign(document.createElement("img"), { src: one.thumb, alt: one.name, loading: "lazy" }));
    picture.onclick = () => view([{ src: address(one.blob), label: one.name }], words);
    const tools = document.createElement("div");
    for (const [sign, word, act, on] of ACTS) {
      const tool = Object.assign(document.createElement("button"), { textContent: sign, title: words[word], onclick: () => act(one) });
      tool.setAttribute("aria-label", `${words[word]}: ${one.name}`);
      if (on) tool.setAttribute("aria-pressed", Boolean(on(one)));
      tools.append(tool);
    }
    card.append(picture, Object.assign(document.createElement("span"), { textContent: one.name.replace(/\.\w+$/, "") }), tools);
    row.append(card);
  }
  home.replaceChildren(head, row);
}

watch("value", () => keep(props.value).catch(() => {}));  // a browser may refuse to store
show().catch(() => { home.hidden = true; });

// The full screen buttons of results open the viewer: that of gradio leaves other things above it.
document.addEventListener("click", (event) => {
  const button = event.target.closest?.(".sp-picture button, .sp-gallery button");
  if (!/full ?screen/i.test(`${button?.title} ${button?.getAttribute("aria-label")}`)) return;
  event.stopPropagation();
  event.preventDefault();
  const box = button.closest(".sp-picture, .sp-gallery");
  const chosen = box.querySelectorAll(".preview .media-button img, .preview > button img");
  const images = [...(chosen.length ? chosen : box.querySelectorAll("img"))].filter((one) => one.src);
  const before = (one) => Number(/\/before\.png/.test(one.src));
  const seen = box.classList.contains("sp-picture") ? images.slice(0, 2) : images.slice(0, 1);
  const shown = seen.sort((a, b) => before(b) - before(a));
  if (shown.length) view(shown.map((one) => ({ src: one.src, label: before(one) ? words.before : words.result })), words);
}, true);
