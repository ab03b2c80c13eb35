"""What styleplug lets its visitors choose, it calls by words."""

from __future__ import annotations

import pytest

from styleplug.core.params import Params, choices_of, hint_of
from styleplug.core.recipe import Finish, Settings
from styleplug.methods import discover
from styleplug.system.extras import EXTRAS
from styleplug.training import load_task, task_ids

OURS = [  # plug-ins may leave words out
    method
    for method in discover().methods.values()
    if type(method.method).__module__.startswith("styleplug.methods.")
]


def wordless(params: type[Params]) -> list[str]:
    """The choices that would be shown as they are, or blank."""
    return [
        f"{name}={choice}"
        for name, info in params.model_fields.items()
        for choice in choices_of(info)
        if not hint_of(info).words.get(choice, "").strip()
    ]


@pytest.mark.parametrize("method", OURS, ids=lambda method: method.id)
def test_choices_of_method_have_words(method):
    assert wordless(method.params) == []


@pytest.mark.parametrize("params", [Settings, Finish])
def test_choices_of_settings_have_words(params):
    assert wordless(params) == []


@pytest.mark.parametrize("id", task_ids())
def test_choices_of_training_task_have_words(id):
    for name in EXTRAS["train"]:
        pytest.importorskip(name)
    from styleplug.training.loop.setup import Loop

    assert wordless(load_task(id).params) == wordless(Loop) == []
