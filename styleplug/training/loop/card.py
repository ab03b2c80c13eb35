"""Descriptions of a training result: `model.toml` for styleplug, a model card for people."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from styleplug.core.errors import UsageError
from styleplug.store.trained import MODEL, Model, read_trained
from styleplug.system.files import write_file
from styleplug.system.jsontext import to_json
from styleplug.system.tomltext import to_toml
from styleplug.system.version import VERSION

CARD, SHEET, GRAPHS = "README.md", "sample.png", "graphs"


def write_model(folder: Path, model: Model) -> None:
    """Write `model.toml` and the card made from it.

    Raises:
        OutputError: it cannot be written.
    """
    write_file(folder / CARD, card(model, sheet=(folder / SHEET).is_file()).encode())
    write_file(folder / MODEL, to_toml(model.model_dump()).encode())


def relicensed(folder: Path, licence: str) -> Model:
    """Set the licence of a result in its `model.toml` and card.

    Raises:
        UsageError: this is not a licence, or the folder holds no result.
        OutputError: it cannot be written.
    """
    model = read_trained(folder).model
    if not licence.strip() or len(licence) > 60:
        raise UsageError(f"{licence[:80]!r} is no licence; expected one such as MIT or cc-by-4.0")
    model = model.model_copy(update={"licence": licence.strip()})
    write_model(folder, model)
    return model


def card(model: Model, *, sheet: bool) -> str:
    """The model card, with the front matter that the Hub reads."""
    front = {
        "library_name": "styleplug",
        "pipeline_tag": "image-to-image",
        "tags": ["style-transfer", "styleplug", "onnx", model.arch],
    }
    if model.licence:
        front["license"] = model.licence.lower()
    shown = [f"![Results for held-out pictures]({SHEET})", ""] if sheet else []
    licence = model.licence or "None is stated. Ask the author before you use it."
    return "\n".join(
        [
            "---",
            *(f"{key}: {to_json(value)}" for key, value in front.items()),
            "---",
            "",
            f"# {_text(model.title)}",
            "",
            f"Weights for the method `{model.method}` of styleplug (architecture `{model.arch}`, "
            f"{model.size / 1e6:.1f} MB, sha256 `{model.sha256}`).",
            "",
            *shown,
            "## Use",
            "",
            f"    styleplug run {model.method} --weights FOLDER … --out out.png",
            "",
            f"FOLDER is the folder of these files. The graphs in `{GRAPHS}/` hold the same weights "
            "and run in any program that reads ONNX.",
            "",
            "## Training",
            "",
            *_training(model),
            "",
            "## Scores",
            "",
            "On held-out pictures. A lower first score is better.",
            "",
            "| score | value |",
            "| --- | --- |",
            *(f"| {_text(name)} | {value:.4g} |" for name, value in model.scores.items()),
            "",
            "## Licence",
            "",
            licence,
            "",
        ]
    )


def _training(model: Model) -> Iterable[str]:
    """The paragraph about the training."""
    data = f"{model.pictures} pictures ({_names(model.data)})"
    if model.styles:
        data += f" and {model.style_pictures} styles ({_names(model.styles)})"
    yield (
        f"{model.steps} steps in {model.seconds / 60:.1f} minutes from {data}. {model.held_out} "
        f"more were held out for the scores. Seed {model.seed}, styleplug {VERSION}:"
    )
    yield ""
    yield f"    {model.command}"


def _names(folders: Iterable[str]) -> str:
    return ", ".join(_text(name) for name in folders)


def _text(name: str) -> str:
    """A name escaped for Markdown; a folder name may contain any character."""
    flat = " ".join(name.split())
    return "".join(f"\\{c}" if c in "\\`*_[]<>|#" else c for c in flat)
