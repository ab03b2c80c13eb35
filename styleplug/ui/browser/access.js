// For keyboards and screen readers: names, roles and keys that gradio's components lack.
// Everything is derived from what is on the page, so that tabs of plug-ins get it, too.

{
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const set = (one, name, value) => one.getAttribute(name) !== `${value}` && one.setAttribute(name, value);
const NAMES = {  // gradio has these in English only
  "number input": words.name_number, "range slider": words.name_slider, "Reset to default value": words.name_reset,
  "Upload file": words.name_upload, "Paste from clipboard": words.name_paste, "Remove Image": words.name_remove,
  "Drop an image file here to upload": words.name_upload, "Fullscreen": words.name_full, "Undo": words.name_undo,
  "Clear": words.name_remove, "Download": words.download, "Click to upload or drop files": words.name_upload,
  "Pan": words.name_pan, "Redo": words.name_redo, "Clear canvas": words.name_clear, "Brush": words.name_brush,
  "Erase": words.name_erase, "Color": words.name_colour, "Brush Size": words.name_brush_size,
  "Adjust volume": words.name_volume, "Zoom in": words.zoom_in, "Zoom out": words.zoom_out,
};
const SAID = [  // and these messages, with names in places
  [/^Error$/, "said_error"], [/^Warning$/, "said_warning"], [/^Info$/, "said_info"],
  [/^Connection Lost$/, "said_error"], [/^Connection (to the server was lost|errored out)/, "said_lost"],
  [/^Invalid file types?: (?<names>.*)\. Only (?<kinds>.*) allowed\.$/, "said_kind"],
  [/^File\(s\) exceed the maximum allowed size of (?<size>.*): (?<names>.*)$/, "said_large"],
  [/^This application is currently busy/, "said_busy"],
];
const clipped = (one) => parseFloat(one.style.clipPath?.split(" ").at(-1)) || 0;  // inset(0px 0px 0px 50%)

/** Buttons and pictures of a component say to which one they belong. */
function name(block) {
  const label = block.querySelector("[data-testid=block-label], [data-testid=block-info]")?.textContent.trim();
  if (!label) return;
  const own = (selector) => all(selector, block).filter((one) => one.closest(".block") === block);
  for (const one of own("button[aria-label], input[aria-label^='number input'], input[aria-label^='range slider']"))
    if (!one.ariaLabel.startsWith(label)) one.ariaLabel = `${label}: ${NAMES[one.ariaLabel.split(" for ")[0]] ?? one.ariaLabel}`;
  own("img:not([alt]), img[alt='']").forEach((picture) => { picture.alt = label; });
}

/** Messages of gradio in the words of the page. */
function say(message) {
  const texts = document.createTreeWalker(message, NodeFilter.SHOW_TEXT);
  for (let text = texts.nextNode(); text; text = texts.nextNode()) {
    const [sign, word] = SAID.find(([one]) => one.test(text.data.trim())) ?? [];
    if (!word) continue;
    const { groups = {} } = text.data.trim().match(sign);
    const told = words[word].replace(/\{(\w+)\}/g, (_, name) => groups[name]);
    if (text.data.trim() !== told) text.data = told;
  }
}

/** The line between before and after is a slider; arrow keys drag it. */
function divide(handle) {
  const wrap = handle.closest(".slider-wrap"), [before, after] = all("img", wrap);
  if (!after) return;
  [before.alt, after.alt] = [words.before, words.result];
  set(handle, "role", "slider");
  set(handle, "tabindex", 0);
  set(handle, "aria-label", words.compare);
  const box = before.getBoundingClientRect();  // the picture is in its middle
  const width = Math.min(box.width, (box.height * before.naturalWidth) / before.naturalHeight) || 1;
  const left = (box.width - width) / 2;
  const here = ((clipped(after) / 100) * box.width - left) / width;
  set(handle, "aria-valuenow", Math.round(100 * here));
  handle.onkeydown = (event) => {
    const step = { ArrowLeft: -5, ArrowDown: -5, ArrowRight: 5, ArrowUp: 5, Home: -100, End: 100 }[event.key];
    if (!step) return;
    event.preventDefault();
    const part = Math.min(1, Math.max(0, here + step / 100));
    const at = { clientX: box.left + left + part * width, bubbles: true, cancelable: true, view: window };
    handle.dispatchEvent(new MouseEvent("mousedown", at));
    window.dispatchEvent(new MouseEvent("mouseup", at));
  };
}

/** Of the tabs, only the selected one is a stop; arrow keys select the others. */
function rove(list) {
  const tabs = all("[role=tab]", list);
  tabs.forEach((tab) => set(tab, "tabindex", tab.ariaSelected === "true" ? 0 : -1));
  list.onkeydown = (event) => {
    const here = tabs.indexOf(event.target), last = tabs.length - 1;
    const to = { ArrowLeft: here - 1, ArrowRight: here + 1, Home: 0, End: last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = tabs[(to + tabs.length) % tabs.length];
    next.click();
    next.focus();
  };
}

function mend() {
  all(".sp-shelf .block").forEach(name);
  all("[data-testid=toast-body]").forEach(say);
  all(".sp-drawing [title]").filter((one) => NAMES[one.title]).forEach((one) => { one.ariaLabel = one.title = NAMES[one.title]; });
  all(".sp-shelf .empty[aria-label]").forEach((one) => set(one, "role", "img"));
  all(".sp-picture [data-testid=slider]").forEach(divide);
  all(".sp-shelf > .tab-wrapper [role=tablist]").forEach(rove);
  for (const status of all(".sp-status")) {
    set(status, "role", "status");
    set(status, "aria-busy", Boolean(status.querySelector(".sp-bar")));  // every step would be read
  }
}

let waiting = false;
const later = () => {
  if (waiting) return;
  waiting = true;
  setTimeout(() => { waiting = false; mend(); }, 100);
};
const attributeFilter = ["aria-label", "aria-selected", "alt", "src", "style"];
new MutationObserver(later).observe(document.body, { subtree: true, childList: true, attributes: true, attributeFilter });
mend();
element.closest(".gradio-container").lang = tongue;
}
