"""The presets of a tab: recipes without pictures, of the method or of the visitor.

Those of a visitor are kept in the browser only (`browser/presets.js`).  The page makes and checks
them, as it does with every recipe.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import gradio as gr

from styleplug.core.params import bounds_of
from styleplug.core.recipe import Recipe
from styleplug.engine.request import preset_of, recipe_in, recipe_of
from styleplug.system.jsontext import to_json
from styleplug.ui.errors import shown
from styleplug.ui.events import UNSEEN
from styleplug.ui.form import Form
from styleplug.ui.i18n import Texts, language, say
from styleplug.ui.offers import Offers
from styleplug.ui.scripts import part
from styleplug.ui.sharing import Updates

LONGEST = 40  # characters of a name


class Presets:
    """The presets.  Build it at its place on the page, then call `connect`.

    Args:
        form: its controls are filled.
        texts: has the names of the presets.
        offers: serves the thumbnails.
    """

    def __init__(self, form: Form, texts: Texts, offers: Offers) -> None:
        self._form = form
        method = form.method
        shown = []
        for id in method.presets:
            place, picture = f"method.{method.id}.preset.{id}", method.preset_picture(id)
            shown.append(
                {
                    "id": id,
                    "name": texts.texts(place, titled(id)),
                    "thumb": str(offers.file(picture)) if picture else "",
                }
            )
        self._part = part("presets", f"{method.id}-presets", presets=shown, method=method.id)

    def connect(self) -> None:
        """Answer what visitors do, once the controls are made."""
        form = self._form
        self._part.submit(
            self._act,
            form.parameter_components,
            [self._part, *form.parameter_components],
            trigger_mode="multiple",
            concurrency_limit=None,
            **UNSEEN,
        )

    def _act(self, request: gr.Request, event: gr.EventData, *values: Any) -> Updates:
        asked: Mapping[str, Any] = event._data
        to = language(request)
        try:
            if asked["act"] == "use":
                return self._used(str(asked["id"]))
            if asked["act"] == "save":
                return {self._part: self._saved(asked, self._form.recipe(self._named(values)))}
            loaded = asked["act"] == "load"
            source = to_json(asked["recipe"]) if loaded else str(asked["text"])
            recipe = recipe_of(self._form.method, {}, recipe_in(source.encode()))
            filled = self._form.fill(recipe)
            gr.Info(say("restored", to))
            updates = dict(zip(self._form.parameter_components, filled, strict=True))
            return updates if loaded else {**updates, self._part: self._saved(asked, recipe)}
        except Exception as error:
            raise shown(error, to) from error

    def _used(self, id: str) -> Updates:
        """Fill the controls from a preset of the method; settings that it does not name stay."""
        form, settings = self._form, self._form.groups["settings"].model_fields
        recipe, (_, largest) = preset_of(form.method, id), bounds_of(settings["size"])
        size = min(recipe.size, largest or recipe.size)  # the page may allow less
        filled = self._named(form.fill(recipe.model_copy(update={"size": size})))
        kept = settings.keys() - form.method.presets[id].keys()
        places = self._named(form.parameter_components)
        return {places[name]: value for name, value in filled.items() if name not in kept}

    def _named(self, values: Any) -> dict[str, Any]:
        """Values of the controls by name."""
        return dict(zip(self._form.parameter_names, values, strict=True))

    def _saved(self, asked: Mapping[str, Any], recipe: Recipe) -> dict[str, Any]:
        """What the browser keeps."""
        saved = {"name": str(asked["name"])[:LONGEST], "recipe": recipe.model_dump(mode="json")}
        return {"saved": saved, "asked": secrets.token_hex(4)}


def titled(id: str) -> str:
    """The English name of a preset."""
    return id.replace("_", " ").capitalize()
