"""Open the tab of a recipe with all its settings: from a file, the strip or the gallery."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

from styleplug.core.errors import BadRecipe
from styleplug.core.recipe import Recipe
from styleplug.engine.request import recipe_in
from styleplug.ui.errors import shown
from styleplug.ui.events import UNSEEN
from styleplug.ui.i18n import Language, language, say
from styleplug.ui.sharing import Updates
from styleplug.ui.uploads import uploaded

if TYPE_CHECKING:
    from styleplug.ui.tab import Tab


def reopened(recipe: Recipe, tabs: Mapping[str, Tab], shelf: gr.Tabs, to: Language) -> Updates:
    """The updates that open the tab of a recipe with all its settings.

    Args:
        tabs: all tabs by the id of their methods.
        shelf: the component that contains the tabs.
        to: language of the message.

    Raises:
        BadRecipe: there is no such method.
    """
    if recipe.method not in tabs:
        raise BadRecipe(f"This page has no method {recipe.method!r}.")
    form = tabs[recipe.method].form
    values = zip(form.parameter_components, form.fill(recipe), strict=True)
    needed = form.needed_words(to)
    gr.Info(say("restored_pictures" if needed else "restored", to, pictures=", ".join(needed)))
    return {**dict(values), shelf: gr.update(selected=recipe.method)}


def connect(tabs: Sequence[Tab], shelf: gr.Tabs) -> None:
    """Let a file with a recipe be dropped on any tab, once all are built; the file is not kept."""
    places: list[Any] = [tab.stage.reload for tab in tabs]
    known = {tab.method.id: tab for tab in tabs}

    def drop(request: gr.Request, event: gr.EventData, *files: Any) -> Updates:
        to = language(request)
        place = next(one for one in places if one._id == event.target._id)  # type: ignore[union-attr]
        try:
            file = files[places.index(place)]
            return {**reopened(recipe_in(uploaded(file)), known, shelf, to), place: None}
        except Exception as error:
            raise shown(error, to) from error

    settings = [one for tab in tabs for one in tab.form.parameter_components]
    gr.on(
        [place.upload for place in places],
        drop,
        places,
        [*settings, *places, shelf],
        concurrency_limit=None,
        **UNSEEN,
    )
