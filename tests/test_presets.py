"""Presets: recipes without pictures, of methods and of visitors."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from samples import Sample
from serve import THIRD_PARTY, Blend

import styleplug
from styleplug.core.errors import BadParameter, MethodError, UsageError
from styleplug.core.recipe import Recipe, Settings
from styleplug.engine.request import base_of, narrowed
from styleplug.methods import admit, discover
from styleplug.plugins.guard import Guarded
from styleplug.ui.form import Form
from styleplug.ui.i18n import Texts
from styleplug.ui.offers import Offers
from styleplug.ui.presets import LONGEST, Presets

pytestmark = THIRD_PARTY
OURS = [one for one in discover().methods.values() if one.presets]
LARGEST = 9000  # bytes of a thumbnail


@pytest.mark.parametrize("method", OURS, ids=lambda one: one.id)
def test_method_offers_some_presets_with_small_thumbnails(method: Any) -> None:
    assert 4 <= len(method.presets) <= 6
    pictures = [method.preset_picture(name) for name in method.presets]
    assert all(path and path.stat().st_size < LARGEST for path in pictures)
    folder = pictures[0].parent
    assert {*folder.glob(f"{method.id}-*")} == {*pictures}, "a thumbnail has no preset"


def test_every_built_in_method_has_presets() -> None:
    assert {one.id for one in OURS} == {*discover().methods}


def test_base_is_preset_or_recipe() -> None:
    blend = Blend()
    recipe = base_of(blend, None, "quite_delicate")
    assert recipe is not None and recipe.parameters["steps"] == 2 and recipe.seed == 5
    assert recipe.finish.strength == 0.5 and recipe.size == Settings().size
    assert base_of(blend, None, None) is None
    with pytest.raises(BadParameter, match=r"'loud'; blend has: bold, quite_delicate"):
        base_of(blend, None, "loud")
    with pytest.raises(UsageError, match="choose one"):
        base_of(blend, recipe, "bold")


def test_run_preset_from_python_refused_if_unknown() -> None:
    with pytest.raises(BadParameter, match="cnn has: bold"):
        styleplug.generate("cnn", preset="loud", content=b"", style=b"")


def test_preset_picture_wrong_names_method() -> None:
    class Wrong(Sample):
        def preset_picture(self, name: str) -> Any:
            return 3

    with pytest.raises(MethodError, match="path of a file"):
        Guarded(Wrong()).preset_picture("bold")


@pytest.fixture
def tab() -> Any:
    """The presets of a tab of a page that allows 256 pixels, and what it answers."""
    blend = Blend()
    blend.presets = {**blend.presets, "large": {"size": 4096}}  # type: ignore[misc]
    admit(blend)
    with gr.Blocks():
        form = Form(blend, Texts([blend]), narrowed(Settings, "size", 256))
        form.pictures()
        presets = Presets(form, Texts([blend]), Offers())
        form.parameters(advanced=False)
        form.parameters(advanced=True)
        presets.connect()
    values = form.fill(Recipe(method="blend", size=128, seed=3))

    def answer(**asked: Any) -> dict[str, Any]:
        request = SimpleNamespace(headers={})
        updates = presets._act(request, SimpleNamespace(_data=asked), *values)  # type: ignore[arg-type]
        names = dict(zip(form.parameter_components, form.parameter_names, strict=True))
        return {names.get(place, "saved"): value for place, value in updates.items()}

    return answer


def test_use_keeps_settings_that_preset_does_not_name(tab: Any) -> None:
    bold = tab(act="use", id="bold")
    assert bold["steps"] == 6 and not {"seed", "size", "device"} & bold.keys()
    assert tab(act="use", id="quite_delicate")["seed"] == 5
    assert tab(act="use", id="large")["size"] == 256, "no larger than the page allows"


def test_save_keeps_present_settings_and_import_gives_them_back(tab: Any) -> None:
    saved = tab(act="save", name="x" * 90)["saved"]["saved"]
    assert saved["name"] == "x" * LONGEST
    assert saved["recipe"]["seed"] == 3 and "content" not in json.dumps(saved["recipe"])
    again = tab(act="import", name="mine", text=json.dumps(saved["recipe"]))
    assert again["seed"] == 3 and again["saved"]["saved"]["name"] == "mine"
    loaded = tab(act="load", recipe=saved["recipe"])
    assert loaded["size"] == 128 and "saved" not in loaded


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"act": "use", "id": "loud"}, "unknown preset"),
        ({"act": "import", "name": "n", "text": "no recipe"}, "recipe"),
        ({"act": "load", "recipe": {"method": "fill"}}, "not for 'blend'"),
        ({"act": "load", "recipe": {"method": "blend", "parameters": {"steps": 0}}}, "steps"),
    ],
)
def test_wrong_preset_refused(tab: Any, asked: dict[str, Any], words: str) -> None:
    with pytest.raises(gr.Error, match=words):
        tab(**asked)
