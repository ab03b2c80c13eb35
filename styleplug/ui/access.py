"""Headings, for people who use a keyboard or a screen reader; see also `browser/access.js`."""

from __future__ import annotations

import gradio as gr

from styleplug.ui.i18n import Texts


def heading(texts: Texts, title: str, summary: str, run: str = "") -> None:
    """Build the heading of a tab, after a link that leads to its button Run.

    Args:
        texts: the texts of the page.
        title: marker of the title.
        summary: marker of what the tab is for.
        run: the id of the button.
    """
    link = f'<a class="sp-skip" href="#{run}">{{skip}}</a>' if run else ""
    about = '<div class="sp-about"><h2>{title}</h2><span>{summary}</span></div>'
    markers = {"title": title, "summary": summary, "skip": texts.own("skip")}
    gr.HTML(texts.html(f"heading.{run}", link + about, **markers), padding=False)


def unseen_heading(marker: str) -> None:
    """Build a heading that only screen readers show."""
    gr.HTML(f"<h3>{marker}</h3>", padding=False, elem_classes="sp-unseen")
