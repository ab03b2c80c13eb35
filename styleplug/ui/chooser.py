"""The examples of a tab: a click fills its slots, and never replaces a visitor's own picture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from styleplug.core.errors import BadImage
from styleplug.ui import examples
from styleplug.ui.form import Form
from styleplug.ui.handover import UNSEEN
from styleplug.ui.i18n import Texts, language, say
from styleplug.ui.sharing import Shared, Updates
from styleplug.ui.uploads import uploaded


class Chooser:
    """Thumbnails of example pairs.  Build it at its place on the page.

    Args:
        form: its slots are filled.
        texts: collects its texts.
        page: the page that it is built on.
    """

    def __init__(self, form: Form, texts: Texts, page: gr.Blocks) -> None:
        self._form = form
        self._pairs = examples.pairs(list(form.first_pictures))
        if not self._pairs:
            return
        self._cards = gr.Dataset(
            components=[gr.Image(render=False, format="png")],
            samples=[[str(pair.card(plain=True))] for pair in self._pairs],
            type="index",
            layout="gallery",
            samples_per_page=len(self._pairs),
            label=texts.own("examples"),
            elem_id=f"{form.method.id}-examples",
            elem_classes="sp-examples",
        )
        page.load(
            self._painted,
            None,
            self._cards,
            show_progress="hidden",
            concurrency_limit=None,
            api_visibility="private",
        )

    def _painted(self) -> Iterator[Any]:
        """The cards, each time another swatch is painted."""
        for samples in examples.cards(self._pairs):
            yield gr.Dataset(samples=samples)

    def connect(self, shared: Shared) -> None:
        """Fill the slots of this tab and the same slots of the others, once all are built."""
        if not self._pairs:
            return
        places = self._form.first_pictures

        def fill(request: gr.Request, index: int, kept: object, *present: Any) -> Updates:
            chosen = zip(places, self._pairs[index].files(), present, strict=True)
            files = {name: Path(file) for name, file, here in chosen if _replaceable(here)}
            if not files:
                gr.Info(say("examples_kept", language(request)))
            own = {places[name]: str(file) for name, file in files.items()}
            return {**own, **shared.put(files, kept)}

        self._cards.click(
            fill,
            [self._cards, shared.kept, *places.values()],
            list(dict.fromkeys([*places.values(), *shared.outputs])),
            concurrency_limit=None,
            **UNSEEN,
        )


def _replaceable(present: Any) -> bool:
    """Whether a slot is empty, or has a picture of an example or one that is deleted."""
    try:
        return not present or examples.is_ours(uploaded(present))
    except BadImage:
        return True
