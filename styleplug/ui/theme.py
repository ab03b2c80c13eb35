"""The look of the page: fonts of the visitor's system, calm colours, large pictures."""

import gradio as gr

FONTS = ["ui-sans-serif", "system-ui", "Segoe UI", "Roboto", "Noto Sans", "Noto Sans CJK SC"]


def theme() -> gr.themes.Base:
    """Colours, fonts and spacing; no font is downloaded."""
    return gr.themes.Base(
        primary_hue=gr.themes.colors.indigo,
        neutral_hue=gr.themes.colors.zinc,
        radius_size=gr.themes.sizes.radius_lg,
        font=[*FONTS, "sans-serif"],
        font_mono=["ui-monospace", "Menlo", "Consolas", "monospace"],
    ).set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_950",
        block_border_width="1px",
        block_shadow="none",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_400",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_400",
        block_label_border_width="0px",
        block_label_background_fill="*background_fill_primary",
        block_label_text_color="*body_text_color",
        block_title_text_weight="600",
        button_large_text_weight="600",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        input_placeholder_color="*neutral_600",
        input_placeholder_color_dark="*neutral_400",
        button_primary_text_color="white",
    )


PAGE_CSS = """
html { scroll-padding-bottom: 8rem; }  /* what gets the focus is not behind the button Run */
.gradio-container { max-width: 1440px !important; margin: 0 auto !important;
  width: 100% !important;  /* else as wide as all tabs in a row */
  overflow: clip !important; }  /* hidden would keep things from sticking */
footer .divider { display: none !important; }  /* nothing stands behind it */
@media (max-width: 800px) { .gradio-container .fillable { padding: .8rem !important; } }
"""  # of a page of our own

CSS = """
:root { --sp-accent: var(--primary-600); --sp-good: #15803d; --sp-bad: #b91c1c; }
.dark { --sp-accent: var(--primary-400); --sp-good: #4ade80; --sp-bad: #f87171; }
.sp-head { display: flex; align-items: baseline; gap: .8rem; padding: .2rem .1rem 0; }
.sp-head h1 { font-size: 1.45rem; font-weight: 700; letter-spacing: -.02em; margin: 0; }
.sp-head h1 i { font-style: normal; color: var(--sp-accent); }
.sp-head span { color: var(--body-text-color-subdued); }
.sp-tab { gap: 1.6rem !important; }
.sp-right { position: sticky; top: .8rem; align-self: flex-start; scrollbar-width: thin;
  max-height: calc(100vh - 1.6rem); overflow: hidden auto; flex-wrap: nowrap !important; }
.sp-right > * { flex-shrink: 0; }
.sp-left, .sp-right { gap: .8rem !important; }
.sp-summary, .sp-paper { color: var(--body-text-color-subdued); }
.sp-paper { font-size: .8rem; padding: .3rem .2rem; }
.sp-paper a { color: inherit; }
.sp-about { color: var(--body-text-color-subdued); }
.sp-about h2 { display: inline; font-size: 1rem; font-weight: 700; margin: 0 .6rem 0 0;
  color: var(--body-text-color); }
.sp-drawn { display: block; max-width: 100%; margin: .8rem auto; color: var(--body-text-color);
  --fill: var(--block-background-fill); --line: var(--body-text-color-subdued);
  --accent: var(--sp-accent); --given: color-mix(in srgb, var(--primary-500) 22%, transparent); }
.sp-ends h3 { font-size: .86rem; font-weight: 600; margin: .6rem 0 .3rem; }
.sp-ends div { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: .5rem; }
.sp-ends figure { margin: 0; }
.sp-ends img { width: 100%; border-radius: 8px; margin: 0; }
.sp-ends figcaption { text-align: center; font-size: .78rem; color: var(--body-text-color-subdued);
  margin: 0; }
.sp-unseen { position: absolute !important; width: 1px !important; height: 1px;
  min-width: 0 !important; clip-path: inset(50%); overflow: hidden !important; }
.sp-skip { position: absolute; z-index: 60; padding: .7rem 1rem; border-radius: 8px;
  color: #fff !important; background: var(--primary-600); }
.sp-skip:not(:focus) { clip-path: inset(50%); }
.sp-shelf > .tab-wrapper [role=tab] { padding: 0 .65rem; }
.sp-shelf [role=tab].selected { color: var(--sp-accent); }
.sp-shelf .json-node .key { color: var(--sp-accent); }
.sp-shelf :focus-visible, .sp-strip :focus-visible { outline: 3px solid var(--sp-accent) !important;
  outline-offset: 2px; }
.sp-shelf .block button:focus-visible, .sp-shelf [role=tab]:focus-visible { outline-offset: -3px; }
.sp-help { color: var(--body-text-color-subdued); font-size: .8rem; line-height: 1.35; }
.sp-missing p { margin: 0; color: var(--sp-bad); font-weight: 600; font-size: .86rem; }
.sp-slot:has(.sp-missing) .sp-upload { border-color: var(--sp-bad); }
.sp-slot { gap: .35rem !important; }
.sp-others .sp-upload .wrap { font-size: .85rem; }
.sp-others [data-testid=block-label] { font-size: .72rem; white-space: nowrap;
  padding: .15rem .4rem; }
.sp-others [data-testid=block-label] span { display: none; }  /* the icon, for words */
.sp-others:not(:has(.block:not(.hidden))) { display: none; }
.sp-others:not(:has(img)) ~ .sp-regions:not(:has(img)) { display: none; }  /* of one style */
.sp-go { gap: .4rem !important; position: sticky; bottom: 0; z-index: 50; padding: .5rem 0 .6rem;
  background: var(--body-background-fill);
  box-shadow: 0 -10px 12px 0 var(--body-background-fill); }
.sp-picture .image-frame, .sp-picture .image-frame img { width: 100%; height: 100%;
  max-height: min(720px, 60vh); object-fit: contain; }
.sp-picture .slider-wrap img, .sp-picture .slider-wrap { max-height: min(720px, 60vh) !important; }
.sp-picture { min-height: min(60vh, 560px); }
.sp-picture:has(> .empty) { display: flex; flex-direction: column; }
.sp-picture > .empty { flex: 1; }
.sp-gallery, .sp-gallery .gallery-container { min-height: 280px; }
.sp-gallery .grid-wrap { max-height: none !important; }
.sp-gallery .grid-container .thumbnail-item { aspect-ratio: auto; height: auto; }
.sp-gallery .grid-container .thumbnail-item img { height: auto; }
.sp-gallery .caption-label { white-space: pre-line; position: static; display: block;
  max-width: none; border: 0; background: none; color: var(--body-text-color); text-align: left;
  font-size: .8rem; line-height: 1.35; padding: .25rem .1rem; }
.sp-states { max-height: 60vh; overflow: auto; }
.sp-states table { width: 100%; border-collapse: collapse; font-size: .86rem; }
.sp-states table, .sp-states tr, .sp-states td { border: 0 !important; }
.sp-states td { padding: .3rem .5rem; overflow-wrap: anywhere; vertical-align: top;
  box-shadow: 0 1px var(--border-color-primary); }
.sp-states td:nth-child(1) { width: 1.6rem; padding-top: .6rem; }
.sp-states td:nth-child(2) { width: 40%; }
.sp-states td i { display: block; width: .6rem; height: .6rem; border-radius: 50%;
  background: var(--ink, var(--border-color-primary)); }
.sp-ok { --ink: #16a34a; } .sp-bad { --ink: #dc2626; }
.sp-due td { color: var(--body-text-color-subdued); }
.sp-clip .icon-button:not(:last-child) { display: none; }  /* trimming loads a script of others */
.sp-drawing { overflow: hidden; }
.sp-passes { align-items: center; gap: .4rem !important; flex-wrap: wrap; }
.sp-passes > * { flex: 0 0 auto !important; width: auto !important; min-width: 0 !important; }
.sp-passes > .sp-next { width: 17.5rem !important; margin: 0 !important; }
.sp-sheet { min-height: 160px; }
.sp-shelf .html-container { padding: 0 !important; }
.sp-line { margin: 0 !important; line-height: 1.5; font-variant-numeric: tabular-nums; }
.sp-plan { color: var(--body-text-color-subdued); font-size: .86rem; }
.sp-small { color: var(--body-text-color-subdued); font-size: .78rem; }
.sp-done { color: var(--sp-good); font-weight: 600; }
.sp-warn, .sp-error { border-left: 3px solid var(--ink); padding: .45rem .7rem;
  border-radius: 6px; margin: .2rem 0 !important; overflow-wrap: anywhere;
  background: color-mix(in srgb, var(--ink) 11%, transparent); }
.sp-warn { --ink: #f59e0b; }
.sp-error { --ink: #dc2626; }
.sp-bar { height: 6px; border-radius: 3px; background: var(--border-color-primary);
  overflow: hidden; margin-bottom: .45rem; }
.sp-bar i { display: block; height: 100%; background: var(--primary-500);
  transition: width .4s linear; }
.sp-pills { display: flex; flex-wrap: wrap; gap: .4rem; }
.sp-pills span { font-size: .78rem; padding: .18rem .6rem; border-radius: 999px;
  border: 1px solid var(--border-color-primary); background: var(--block-background-fill);
  overflow-wrap: anywhere; }
.sp-save { align-items: center; }
.sp-save .block { border: 0 !important; background: none !important; padding: 0 !important; }
.sp-plot { display: grid; grid-template-columns: auto 1fr; gap: .15rem .5rem; margin: 0;
  font-size: .74rem; color: var(--body-text-color-subdued); }
.sp-plot svg { width: 100%; height: 150px; overflow: visible; }
.sp-plot svg path { stroke: var(--border-color-primary); stroke-width: 1;
  vector-effect: non-scaling-stroke; }
.sp-plot polyline { fill: none; stroke: currentColor; stroke-width: 2; stroke-linejoin: round;
  vector-effect: non-scaling-stroke; }
.sp-y { display: flex; flex-direction: column; justify-content: space-between;
  text-align: right; }
.sp-x { grid-column: 2; display: flex; justify-content: space-between; }
.sp-plot figcaption { grid-column: 2; display: flex; flex-wrap: wrap; gap: .2rem 1rem;
  font-size: .8rem; }
.sp-plot figcaption span i { display: inline-block; width: .7em; height: .7em;
  border-radius: 50%; background: var(--ink); margin-right: .35em; }
.sp-plot figcaption b { font-weight: 600; font-variant-numeric: tabular-nums; }
[class^=sp-ink] { color: var(--ink); }
.sp-ink0 { --ink: #4f46e5; } .sp-ink1 { --ink: #c2410c; } .sp-ink2 { --ink: #0f766e; }
.sp-ink3 { --ink: #be185d; } .sp-ink4 { --ink: #a16207; } .sp-ink5 { --ink: #475569; }
.sp-ink6 { --ink: #0369a1; }
.dark .sp-ink0 { --ink: #818cf8; } .dark .sp-ink1 { --ink: #fb923c; }
.dark .sp-ink2 { --ink: #2dd4bf; } .dark .sp-ink3 { --ink: #f472b6; }
.dark .sp-ink4 { --ink: #facc15; } .dark .sp-ink5 { --ink: #94a3b8; }
.dark .sp-ink6 { --ink: #38bdf8; }
@media (pointer: coarse), (max-width: 800px) {  /* for fingers */
  .sp-shelf :is(button, select, textarea, input:not([type=checkbox], [type=radio])),
  .sp-shelf label:has(> input) { min-height: 40px; }
  .sp-shelf :is(button, input[type=number]) { min-width: 40px; }
  .sp-shelf label:has(> :is([type=checkbox], [type=radio])) { display: flex; align-items: center; }
  .sp-shelf .tab-like-container { height: auto; }
  .sp-shelf .tab-container.wrap { --size-8: 40px; }  /* of rows of tabs, and lines below them */
  .sp-shelf .sp-passes > button { min-width: 40px !important; }
  .sp-picture .slider-wrap .outer { width: 40px; margin-left: -10px; }
  .sp-shelf input[type=range] { padding: 16px 0; background-clip: content-box; }
  .sp-shelf .source-selection { height: auto; }
  .sp-shelf .label-wrap { align-items: center; }
}
@media (max-width: 800px) {
  .sp-head { flex-wrap: wrap; gap: 0 .6rem; }
  .sp-right { position: static; max-height: none; overflow: visible; }
  .sp-picture { min-height: 280px; }
  .sp-save { flex-direction: column !important; align-items: stretch !important; }
  .sp-inputs { flex-wrap: nowrap !important; gap: .6rem !important; }
}
"""
