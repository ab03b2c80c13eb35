"""`import styleplug`: light, small, and what it promises."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import styleplug
from styleplug.core import errors
from styleplug.core.recipe import Recipe
from styleplug.imaging import encode

ROOT = Path(__file__).parent.parent
QUICK = {"size": 64, "backend": "fake", "iterations": 2}
HEAVY = ("torch", "torchvision", "gradio", "onnxruntime", "huggingface_hub")


def loaded_after(code: str) -> set[str]:
    """Heavy packages that a fresh interpreter has loaded after running `code`."""
    show = f"import sys; print(*[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{show}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def test_public_names_pinned():
    assert styleplug.__all__ == [
        "BackendError",
        "BadImage",
        "BadParameter",
        "BadRecipe",
        "Cancelled",
        "DigestMismatch",
        "HubUnavailable",
        "MethodError",
        "OutOfMemory",
        "OutputError",
        "Result",
        "StyleplugError",
        "UsageError",
        "WeightError",
        "__version__",
        "batch",
        "generate",
        "grid",
        "methods",
        "mount",
        "run",
        "stylize",
        "tabs",
        "video",
    ]
    assert all(hasattr(styleplug, name) for name in styleplug.__all__)
    assert not hasattr(styleplug, "nonsense")


def test_public_errors_complete():
    own = {name: value for name, value in vars(errors).items() if isinstance(value, type)}
    tree = {name for name, value in own.items() if value.__module__ == errors.__name__}
    assert tree <= set(styleplug.__all__)
    assert all(getattr(styleplug, name) is getattr(errors, name) for name in tree)


def test_import_loads_nothing_heavy():
    code = "import styleplug\nimport sys\nassert 'numpy' not in sys.modules"
    assert not loaded_after(code)


def test_methods_and_plan_load_nothing_heavy():
    code = (
        "import styleplug; assert 'gatys' in styleplug.methods()\n"
        "from styleplug.engine import shared\n"
        "from styleplug.core.recipe import Recipe\n"
        "plan = shared().plan(Recipe(method='gatys'), {'content': [(640, 480)]})\n"
        "assert plan.width == 512\n"
    )
    assert not loaded_after(code)


def test_fake_run_loads_nothing_heavy():
    code = (
        "import styleplug, numpy\n"
        "picture = numpy.zeros((64, 64, 3))\n"
        f"styleplug.stylize(picture, picture, **{QUICK})\n"
    )
    assert not loaded_after(code)


@pytest.fixture
def array(photo):
    return (photo.pixels * 255).astype(np.uint8)


def test_stylize_accepts_pictures_in_any_form(array, painting, tmp_path):
    file = tmp_path / "photo.png"
    file.write_bytes(encode(array / 255.0))
    forms = [array, Image.fromarray(array), file, str(file), file.read_bytes()]
    results = [styleplug.stylize(form, painting.pixels, **QUICK).array for form in forms]
    assert all(np.array_equal(result, results[0]) for result in results)


def test_result_image_report_recipe_and_save(array, painting, tmp_path):
    style = (painting.pixels * 255).astype(np.uint8)
    result = styleplug.stylize(array, [style, style], seed=3, strength=0.5, **QUICK)
    assert result.array.shape == (43, 64, 3) and result.array.dtype == np.float32
    assert isinstance(result.image, Image.Image) and result.image.size == (64, 43)
    assert np.array_equal(np.asarray(result.image), np.rint(result.array * 255).astype(np.uint8))
    assert result.metrics == result.report.metrics and "loss" in result.metrics
    assert result.recipe.seed == 3 and result.recipe.finish.strength == 0.5
    assert result.recipe.parameters["iterations"] == 2

    result.save(tmp_path / "out.png")
    again = styleplug.stylize(array, [style, style], recipe=tmp_path / "out.png")
    assert np.array_equal(again.array, result.array)
    other = styleplug.stylize(array, [style, style], recipe=result.recipe, strength=1.0)
    assert other.recipe.seed == 3 and not np.array_equal(other.array, result.array)

    (tmp_path / "r.json").write_text(result.recipe.to_json())
    frames = styleplug.run("gatys", recipe=tmp_path / "r.json", content=array, style=[style] * 2)
    assert np.array_equal(list(frames)[-1].images[0], result.array)

    result.save(str(tmp_path / "bare.png"), with_recipe=False)
    with pytest.raises(styleplug.BadRecipe, match=r"bare\.png"):
        styleplug.stylize(array, style, recipe=tmp_path / "bare.png")


def test_run_previews_then_one_final(array):
    frames = list(styleplug.run("gatys", content=array, style=array, **QUICK))
    assert [frame.final for frame in frames].count(True) == 1 and frames[-1].final
    assert frames[-1].report.recipe.method == "gatys"
    assert any(frame.images for frame in frames[:-1])


@pytest.mark.parametrize(
    ("values", "kind", "words"),
    [
        ({"size": 3}, errors.BadParameter, "size = 3"),
        ({"backend": "abacus"}, errors.BadParameter, "backend = 'abacus'"),
        ({"strength": 7}, errors.BadParameter, "strength = 7"),
        ({"iterationz": 7}, errors.BadParameter, "unknown parameter 'iterationz'.*iterations"),
        (
            {"contents": 7},
            errors.BadParameter,
            "'contents'; gatys takes these pictures: content, st",
        ),
        ({"content": None}, errors.UsageError, "needs a picture 'content'"),
        ({"style_blend": [1, 2]}, errors.BadParameter, "expected 1 number "),
        ({"method": "nope"}, errors.UsageError, "unknown method 'nope'"),
        ({"style": None}, errors.UsageError, "'style'"),
        ({"style": []}, errors.UsageError, "'style'"),
        ({"content": b"not a picture"}, errors.BadImage, "picture"),
        ({"recipe": Recipe(method="other")}, errors.UsageError, "other"),
    ],
)
def test_stylize_mistakes_named(values, kind, words, array):
    given = {"content": array, "style": array, "method": "gatys", **QUICK, **values}
    with pytest.raises(kind, match=words):
        styleplug.stylize(**given)
