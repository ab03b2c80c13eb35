"""What a tab says about its method."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from samples import Dream, Sample
from serve import THIRD_PARTY, Blend

from styleplug.engine import Engine
from styleplug.methods import discover
from styleplug.ui.diagram import _read, draw
from styleplug.ui.explain import Explanation, main_parameters
from styleplug.ui.i18n import Texts
from styleplug.ui.offers import Offers

pytestmark = THIRD_PARTY


def test_main_parameters_leave_out_what_takes_long_or_makes_many() -> None:
    found = main_parameters(Blend())  # 400 steps would take 100 times as long
    assert found == {"steps": (1, 4), "pause": (0.0, 5.0)}
    assert "count" not in main_parameters(Dream()) and "walk" not in main_parameters(Dream())
    for method in discover().methods.values():
        assert len(main_parameters(method.method)) <= 3


@pytest.mark.parametrize(
    ("language", "words"), [("en", ["The paper", "Result"]), ("zh-CN", ["论文", "结果"])]
)
def test_explanation_comes_before_thumbnails(
    engine: Engine, language: str, words: list[str]
) -> None:
    method = Sample()
    with gr.Blocks():
        told = Explanation(method, engine, Texts(), Offers())
    request: Any = SimpleNamespace(headers={"accept-language": language})
    first, *rest = told._show(request)
    assert method.summary in first[0] and "<svg" in first[0]
    assert all(word in first[0] for word in words)
    assert first[1] == gr.skip()
    if main_parameters(method):
        assert "data:image/webp" in rest[-1][1]
        again = list(told._show(request))
        assert again[-1] == rest[-1]


@pytest.mark.slow
def test_drawing_of_every_method_of_ours() -> None:
    """Boxes lie side by side; all come from an input, and the result is there, in Chinese, too."""
    for known in discover().methods.values():
        edges, paths = _read(known.diagram)
        boxes = {box for path in paths for box in path}
        given = {slot.id: slot.label for slot in known.inputs} | {"seed": "Seed", "result": "R"}
        assert "result" in boxes and boxes & given.keys() - {"result"}
        drawn = draw(known.diagram, given, "how")
        places = re.findall(r'<text x="([\d.]+)" y="([\d.]+)"', drawn)
        assert len(places) == len(set(places)) == len(boxes)
        assert drawn.count("<path") == len(edges)
        with gr.Blocks():
            told = Explanation(known.method, None, Texts(), None)._drawn["zh"]  # type: ignore[arg-type]
        words = set(re.findall(r">([^<>{}]+)</text>", told))
        assert words and not any(re.search("[a-z]{4}", word) for word in words)


def test_drawing_words_escaped_and_loop_on_the_side() -> None:
    drawn = draw(("content > A & B > C > result", "C -again> A & B"), {"result": "<i>"}, "x")
    assert "A &amp; B</text>" in drawn and "&lt;i&gt;</text>" in drawn
    assert "text-anchor:end" in drawn and ">again<" in drawn


def test_idea_of_every_method_of_ours() -> None:
    texts = Texts()
    with gr.Blocks():
        for known in discover().methods.values():
            ideas = Explanation(known.method, None, texts, None)._ideas  # type: ignore[arg-type]
            assert ideas["en"] != known.method.summary and ideas["en"].count(".") > 2
            assert ideas["zh"] != ideas["en"]
