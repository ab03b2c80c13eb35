"""Other languages: nothing of ours lacks its text, no text is left over, names are kept."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from samples import Sample
from serve import THIRD_PARTY, Blend, BlendParams

from styleplug import locale
from styleplug.core import errors
from styleplug.core.frame import Frame
from styleplug.core.recipe import Recipe
from styleplug.engine import Engine
from styleplug.locale import Catalogue, catalogue, languages
from styleplug.methods import Catalogue as Methods
from styleplug.methods import discover
from styleplug.training import load_task, task_ids
from styleplug.ui import page, render
from styleplug.ui.agents import ANY_FILE, FILE, STOPPED
from styleplug.ui.earlier import title
from styleplug.ui.errors import sentence
from styleplug.ui.grid_endpoint import DESCRIBED
from styleplug.ui.i18n import Texts
from styleplug.ui.live import Moment
from styleplug.ui.train import TrainTab, notes
from styleplug.ui.trainer import Trainer
from styleplug.ui.video_endpoint import DESCRIBED as OF_VIDEO
from styleplug.ui.words import WORDS

pytestmark = THIRD_PARTY
OTHERS = languages()[1:]
each_language = pytest.mark.parametrize("to", OTHERS)


def holes(text: str) -> set[str]:
    return set(re.findall(r"\{\w*\}", text))


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The English of every declared text of ours by its place, as the page asks for them."""
    asked: dict[str, str] = {}

    def text(self: Catalogue, place: str, english: str) -> str:
        asked[place] = english
        return english

    ours = {
        id: method
        for id, method in discover().methods.items()
        if type(method.method).__module__.startswith("styleplug.")
    }
    tasks = {id: load_task(id) for id in task_ids()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Catalogue, "text", text)
        page.build(Engine(Methods(ours, {})))
        with gr.Blocks() as blocks:
            TrainTab(tasks, Trainer(tmp_path_factory.mktemp("runs")), Texts(), blocks)
        for task in tasks.values():
            title(task, OTHERS[0])
    return {place: english for place, english in asked.items() if not place.startswith("page.")}


@pytest.mark.slow
@each_language
def test_catalogue_declared_texts_complete(to: str, standing: dict[str, str]) -> None:
    known = catalogue(to)
    missing = [
        f"[{place}] {english}"
        for place, english in standing.items()
        if place not in known.places and english not in known.shared
    ]
    assert len(standing) > 300 and not missing


@each_language
def test_catalogue_no_entry_left_over(to: str, standing: dict[str, str]) -> None:
    known = catalogue(to)
    pages = {f"page.{key}" for key in WORDS}
    places = {place for place in known.places if not place.startswith("error.")}
    assert not places - pages - standing.keys()
    left_over = known.shared.keys() - set(standing.values())
    assert not left_over


@each_language
def test_catalogue_page_words_complete_with_holes(to: str) -> None:
    known = catalogue(to).places
    for key, english in WORDS.items():
        assert holes(known[f"page.{key}"]) == holes(english), key


@each_language
def test_catalogue_entries_are_texts(to: str) -> None:
    known = catalogue(to)
    for english, text in [*known.places.items(), *known.shared.items(), *known.messages.items()]:
        assert text.strip(), english


@each_language
def test_catalogue_error_heads_valid(to: str) -> None:
    heads = {
        place.removeprefix("error.") for place in catalogue(to).places if place.startswith("error.")
    }
    assert "StyleplugError" in heads  # which stands for those below it that have none
    for name in heads:
        assert issubclass(getattr(errors, name), errors.StyleplugError)


# Errors and notes -----------------------------------------------------------------------------

NOT_MET = {  # by visitors of the page, in these modules and packages: for terminals and files
    "__main__.py", "card.py", "cli", "curve.py", "export.py", "plan.py", "publish.py", "shard.py",
    "swatches",
    "words.py",  # WORDS, which have places
    "page.py", "space.py", "theme.py",
}  # fmt: skip
NO_MESSAGES = {
    "Failed to allocate memory", "bad allocation", "can't allocate memory", "not enough memory",
    "out of memory", "Value error,",  # what others say
    '`pip install "styleplug[{}]"`', '`uv tool install "styleplug[{}]"`',  # commands
    '`pipx runpip styleplug install "styleplug[{}]"`', '`uvx "styleplug[{}]"`',
    "bytes 0-", "bytes {}-", "cuda ({})", "hub {}@", "{} at",
    "Object.assign(props, { ...{}, ...props });",  # for a script
    "no, yes",  # values that a sweep begins with
    "ONNX Runtime",
    "Paint many pictures; a ZIP of the results",  # descriptions of endpoints
    "Run every combination of values; a labelled contact sheet",
    "Paint a video without flicker; an MP4 with its sound",
    "Report style gain and content kept.",
    "({}default {})", "to {},", "One of: {}.", *DESCRIBED.values(), *OF_VIDEO.values(),
    ANY_FILE, FILE, STOPPED,  # for agents
    "error of all", "feature critic", "pixel critic", "styles r1",  # scores and losses
}  # fmt: skip
DECLARES = {  # what has places
    "field", "Slot", "TaskSpec", "batch", "crop", "Hub", "title", "summary", "paper",
}  # fmt: skip


def skeleton(text: str) -> str:
    """A text with its holes made alike; those at its ends do not count, nor ": {}" there."""
    alike = re.sub(r"(\{\w*\})+", "{}", text)
    return re.sub(r"(:? ?\{\})+$", "", alike.removeprefix("{}")).removeprefix(";").strip(" :\n")


@cache
def literals(module: Path) -> list[str]:
    """The texts of a module that people may be told, f-strings as skeletons."""
    return list(_literals(module))


def _literals(module: Path) -> Iterator[str]:
    tree = ast.parse(module.read_text(encoding="utf-8"))
    passed: set[ast.AST] = set()
    for node in ast.walk(tree):
        called = ast.unparse(node.func).split(".")[-1] if isinstance(node, ast.Call) else ""
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            passed |= set(ast.walk(node))
        elif isinstance(node, ast.Assert) or called in DECLARES | {"info", "debug", "warning"}:
            passed |= set(ast.walk(node))
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in DECLARES:
            passed |= set(ast.walk(node))
        elif isinstance(node, ast.JoinedStr):
            passed |= {part for part in node.values if isinstance(part, ast.Constant)}
    for node in ast.walk(tree):
        if node in passed:
            continue
        if isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else "{}" for part in node.values]
            yield skeleton("".join(map(str, parts)))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield skeleton(node.value)


def modules() -> list[tuple[str, Path]]:
    root = Path(locale.__file__).parents[1]
    return [(path.relative_to(root).as_posix(), path) for path in sorted(root.rglob("*.py"))]


@pytest.mark.slow
@each_language
def test_catalogue_messages_complete(to: str) -> None:
    known = {skeleton(text) for text in catalogue(to).messages} | set(catalogue(to).shared)
    missing = {
        f"{name}: {text}"
        for name, path in modules()
        if name != "__init__.py" and NOT_MET.isdisjoint(name.split("/"))
        for text in literals(path)
        if re.search("[a-z]{2}", text) and " " in text.strip() and not re.search("<|=>|> ", text)
        if text not in known | NO_MESSAGES
    }
    assert not missing, "\n".join(sorted(missing))


@each_language
def test_catalogue_no_message_left_over(to: str) -> None:
    told = {text for _, path in modules() for text in literals(path)}
    of_pydantic = tomllib.loads((locale.FOLDER / f"{to}.toml").read_text("utf-8"))["pydantic"]
    ours = catalogue(to).messages.keys() - of_pydantic
    assert not [text for text in ours if skeleton(text) not in told]


@each_language
def test_catalogue_messages_keep_holes(to: str) -> None:
    for english, text in catalogue(to).messages.items():
        assert holes(english) - {"{s}"} == holes(text), english  # {s} ends a plural


HUB = "the Hub could not be reached (https://huggingface.co: no answer within 3 s)"


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("there is no file '照片 1.png'", "没有文件 '照片 1.png'"),
        ("'a; b.png' is empty (0 bytes); choose another file",
         "'a; b.png' 是空文件（0 字节）；请换一个文件"),
        (f"{HUB[0].upper()}{HUB[1:]}; using the file w.safetensors instead",
         "无法访问 Hub（https://huggingface.co：3 秒内没有响应）；改用文件 w.safetensors"),
        ("not enough memory for 512 px, nor for 358 px (it takes about 9 MB; 3 MB are free): "
         "choose a smaller size or close other programs",
         "内存不足以生成 512 像素，也不足以生成 358 像素（约需 9 MB，可用 3 MB）："
         "请减小尺寸或关闭其他程序"),
        ("title is empty; parameter 'a' needs label and help",
         "title 为空；参数 'a' 需要 label 和 help"),
        ("the fake backend has no learned weights: the picture is for tests only",
         "fake 后端没有学习所得的权重：图片仅用于测试"),
    ],
)  # fmt: skip
def test_message_translated_keeps_names_and_numbers(english: str, chinese: str) -> None:
    assert sentence(errors.StyleplugError(english), "zh") == chinese
    assert sentence(errors.StyleplugError(english), "en") == english


@pytest.mark.parametrize(
    "english", ["nobody says this", "a: b; c = 1", "", "x" * 9999, " = :" * 200]
)
def test_message_unknown_not_translated(english: str) -> None:
    assert catalogue("zh").message(english) is None


@each_language
@pytest.mark.parametrize("values", [
    {"steps": 0}, {"steps": 999}, {"steps": "a"}, {"steps": 1.5}, {"steps": None},
    {"steps": "1" * 5000}, {"pause": "a"}, {"pause": None}, {"pause": float("nan")},
    {"style_blend": "a"}, {"style_blend": 3}, {"mood": "sad"}, {"new": 1},
    {"steps": 0, "pause": -1},
])  # fmt: skip
def test_message_wrong_value_translated(to: str, values: dict[str, Any]) -> None:
    with pytest.raises(errors.BadParameter) as refused:
        BlendParams.of(values)
    told = catalogue(to).message(str(refused.value))
    assert told and all(name in told for name in values)
    assert not re.search("[a-z]{3,} [a-z]{3,}", told)


@each_language
@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"method": 3}', '{"method": "a", "size": 1}'])
def test_message_wrong_recipe_translated(to: str, text: str) -> None:
    with pytest.raises(errors.BadRecipe) as refused:
        Recipe.from_json(text)
    assert catalogue(to).message(str(refused.value))


def test_notes_translated() -> None:
    frame = Frame(1, 2, note="downloading vgg19 41 of 80 MB")
    assert "正在下载 vgg19：41 / 80 MB" in render.progress(Moment(frame, None, {}, None), "zh")
    assert "x.txt 不是图片" in notes(["x.txt is not a picture"], "zh")
    assert "x.txt is not a picture" in notes(["x.txt is not a picture"], "en")


# A stranger's plug-in -------------------------------------------------------------------------


def test_plugin_brings_own_catalogue() -> None:
    texts = Texts([Blend(), Sample()])
    for method in (Blend(), Sample()):
        texts.add(f"method.{method.id}.title", method.title)
    texts.add("method.blend.parameter.steps.label", "Steps")
    texts.add("method.blend.parameter.mood.label", "Mood")
    assert list(texts.table().translations["zh"].values()) == ["混合", "Sample", "步数", "Mood"]
    assert list(texts.table().translations["en"].values()) == ["Blend", "Sample", "Steps", "Mood"]


@pytest.mark.slow
def test_tasks_named_like_tabs() -> None:
    methods = discover().methods
    for to in languages():
        for id in {*task_ids()} & methods.keys():
            method = catalogue(to).text(f"method.{id}.title", methods[id].method.title)
            assert title(load_task(id), to) == method
