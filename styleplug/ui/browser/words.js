// The texts of a component in the language of the browser.

const tongue = Object.keys(props.words).find((one) =>
  [navigator.language, navigator.language.split("-")[0]].includes(one)) ?? "en";
const words = props.words[tongue];

/** The address of a file that the page may serve; the page may be a part of somebody else's. */
const root = document.querySelector('link[href*="/theme.css?v="]')?.href ?? document.baseURI;
const served = (path) => new URL(`gradio_api/file=${path.split("/").map(encodeURIComponent).join("/")}`, root).href;
