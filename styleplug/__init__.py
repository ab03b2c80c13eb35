"""styleplug: image methods as plug-ins, on a page, on the command line and in Python.

    >>> import styleplug
    >>> result = styleplug.stylize("photo.jpg", "painting.jpg", "cnn", size=512)
    >>> result.save("out.png")

Importing this is fast: torch or ONNX Runtime are imported at the first run, gradio never.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from styleplug.core.errors import (
    BackendError,
    BadImage,
    BadParameter,
    BadRecipe,
    Cancelled,
    DigestMismatch,
    HubUnavailable,
    MethodError,
    OutOfMemory,
    OutputError,
    StyleplugError,
    UsageError,
    WeightError,
)
from styleplug.system import telemetry
from styleplug.system.version import VERSION

if TYPE_CHECKING:
    import threading

    from PIL import Image

    from styleplug.core.array import Pixels
    from styleplug.core.frame import Frame, Report
    from styleplug.core.method import Method
    from styleplug.core.recipe import Recipe
    from styleplug.engine.collect import BatchResult, GridResult
    from styleplug.engine.video import VideoRun

telemetry.switch_off()  # here, because this runs before any library is imported

__version__ = VERSION
__all__ = [
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


@dataclass(frozen=True)
class Result:
    """One or more pictures, and a report of the run.

    Args:
        images: (h, w, 3) float32 in [0, 1], sRGB, all of one size; (h, w, 4) if the content was
            transparent.
        report: time, memory, backend, weights, notes.
    """

    images: tuple[Pixels, ...]
    report: Report

    @cached_property
    def array(self) -> Pixels:
        """The picture; several pictures are one sheet."""
        from styleplug.imaging.sheet import grid

        return grid(self.images)

    @cached_property
    def image(self) -> Image.Image:
        """The picture for Pillow, with 8 bits per channel."""
        import io

        from PIL import Image

        from styleplug.imaging import encode

        return Image.open(io.BytesIO(encode(self.array)))

    @property
    def metrics(self) -> dict[str, float]:
        """Losses and scores by name."""
        return self.report.metrics

    @property
    def recipe(self) -> Recipe:
        """The recipe to make the same picture again: `run(recipe.method, recipe=recipe, …)`."""
        return self.report.recipe

    def save(self, path: str | Path, *, with_recipe: bool = True) -> None:
        """Write the picture; several pictures become a sheet or an animation.

        Args:
            path: the file; its ending decides the format.
            with_recipe: store the recipe in the file.

        Raises:
            OutputError: unknown ending, missing or read-only folder, full disk …
        """
        from styleplug.imaging.sheet import write_all

        recipe = self.recipe.to_json() if with_recipe else None
        write_all(self.images, Path(path), self.report.fps, recipe)


def stylize(
    content: Any,
    style: Any,
    method: str = "gatys",
    *,
    recipe: Recipe | str | Path | None = None,
    preset: str | None = None,
    size: int | None = None,
    seed: int | None = None,
    backend: str | None = None,
    device: str | None = None,
    weights: str | Path | None = None,
    **parameters: Any,
) -> Result:
    """Give a picture the style of other pictures.

    >>> result = styleplug.stylize("photo.jpg", "painting.jpg", "cnn", size=64, strength=0.8)
    >>> result.image.size, result.report.backend in ("torch", "onnx")
    ((64, 48), True)

    Args:
        content: the picture to change: path, PIL image, array or bytes.
        style: the same, or a list of them.
        method: id of the method; see `methods`.
        recipe: as for `run`; it also gives the method.
        preset: as for `run`.
        size: long side of the result in pixels.
        seed: another seed gives a variation.
        backend: "auto", "torch" or "onnx".
        device: "auto", "cpu", "cuda" or "mps".
        weights: folder of a result of `styleplug train`, used instead of the method's own weights.
        **parameters: parameters of the method, and `strength`, `keep_colours`.

    Raises:
        StyleplugError: any error; see `styleplug.core.errors`.
    """
    from styleplug.engine.request import recipe_in

    settings = {"size": size, "seed": seed, "backend": backend, "device": device}
    given: dict[str, Any] = {name: value for name, value in settings.items() if value is not None}
    if recipe is not None:
        recipe = recipe_in(recipe)
        method = recipe.method
    return generate(
        method,
        recipe=recipe,
        preset=preset,
        weights=weights,
        content=content,
        style=style,
        **given,
        **parameters,
    )


def generate(method: str, **values: Any) -> Result:
    """Run any method to its end.

    >>> styleplug.generate("dcgan", seed=7, count=16).save("sheet.png")

    Args:
        method: id of the method; see `methods`.
        **values: as for `run`.

    Raises:
        StyleplugError: any error; see `styleplug.core.errors`.
    """
    *_, final = run(method, **values)
    assert final.report is not None, "the engine's final frame carries its report"
    return Result(final.images, final.report)


def run(
    method: str,
    *,
    recipe: Recipe | str | Path | None = None,
    preset: str | None = None,
    weights: str | Path | None = None,
    scores: bool = False,
    **values: Any,
) -> Iterator[Frame]:
    """Run a method step by step.

    >>> for frame in styleplug.run("cnn", content="photo.jpg", style="painting.jpg", size=64):
    ...     share = frame.step / frame.steps if frame.steps else 0
    >>> share, frame.final, frame.report.recipe.method
    (1.0, True, 'cnn')

    Args:
        method: id of the method; see `methods`.
        recipe: a Recipe, or the path of a picture or JSON file that contains one.  Other arguments
            take precedence over it.
        preset: name of a preset of the method, such as "bold", instead of a recipe.
        weights: folder of a result of `styleplug train`, used instead of the method's own weights.
        scores: report style gain and content kept, if there are a content and a style.
        **values: pictures by the name of their slot (path, PIL image, array, bytes, or a list
            of them), settings (size, seed, backend, device, strength, keep_colours), and the
            method's own parameters.

    Returns:
        Frames: previews, then the final one with the results and a report.

    Raises:
        StyleplugError: any error; see `styleplug.core.errors`.
    """
    from styleplug.engine import shared
    from styleplug.engine.request import base_of, request_of

    engine = shared()
    found = engine.catalogue.get(method)
    if weights is not None:
        values["trained"] = engine.add_trained(Path(weights))
    wanted, pictures = request_of(found, values, base_of(found, recipe, preset))
    return engine.run(wanted, pictures, scored=scores)


def video(
    clip: str | Path,
    out: str | Path,
    *,
    method: str = "cnn",
    smooth: float = 0.8,
    start: float = 0.0,
    end: float = 0.0,
    fps: float = 0.0,
    recipe: Recipe | str | Path | None = None,
    preset: str | None = None,
    cancel: threading.Event | None = None,
    **values: Any,
) -> VideoRun:
    """Paint a clip without flicker; iterate over the frames, or call `finish`.

        styleplug.video("clip.mp4", "out.mp4", style="waves.jpg").finish()

    Args:
        clip: a video file.
        out: the file of the result: .mp4, .mov, .mkv or .webm.
        method: id of a method that repaints a picture.
        smooth: largest share of the result before, moved along with the picture; 0: none.
        start, end: where to begin and to end, in seconds; 0 for the end of the clip.
        fps: frames a second; 0 keeps those of the clip.
        recipe, preset: as for `run`.
        cancel: set it from any thread to stop after a step.
        **values: as for `run`, without the first picture.

    Raises:
        StyleplugError: any error; see `styleplug.core.errors`.
    """
    from styleplug.core.recipe import Part
    from styleplug.engine import shared
    from styleplug.engine.request import base_of, request_of
    from styleplug.engine.video import VideoRun

    found = shared().catalogue.get(method)
    wanted, pictures = request_of(found, values, base_of(found, recipe, preset))
    part = Part.of({"smooth": smooth, "start": start, "end": end, "fps": fps})
    return VideoRun(shared(), wanted, Path(clip), pictures, Path(out), part, cancel)


def grid(
    content: Any,
    style: Any = None,
    *,
    over: Mapping[str, Any],
    method: str = "cnn",
    cells: str | Path | None = None,
    best: str = "",
    scores: bool = False,
    recipe: Recipe | str | Path | None = None,
    **values: Any,
) -> GridResult:
    """Run every combination of values, and put the results on a labelled contact sheet.

        over = {"method": ["cnn", "gatys"], "size": [256, 512]}
        styleplug.grid("photo.jpg", "painting.jpg", over=over).save("sheet.png")

    Args:
        content: a picture (path, PIL image, array, bytes), a folder, or a list of them.
        style: the same; also the name of a built-in style, or "all" of these.
        over: values by name of a parameter, a setting, or "method"; also text as on the command
            line ("0.5:2:4").
        method: its id, if `over` has no methods; "all" for all that take a content and a style.
        cells: a folder that gets every result and a ledger; a second call then resumes.
        best: "style_gain" or "content_kept": find the best result by this score.
        scores: compute the scores of every result.
        recipe: settings that are used where nothing else is given.
        **values: parameters and settings of all results.

    Raises:
        StyleplugError: a wrong value, or a folder that cannot be written; a result that fails is
            only reported.
    """
    from styleplug.engine.collect import compare, grid_from

    asked = grid_from(content, style, method, over, values, recipe)
    return compare(asked, best=best, folder=Path(cells) if cells else None, scored=scores)


def batch(
    photos: Any,
    style: Any = None,
    out: str | Path = "painted",
    *,
    method: str = "cnn",
    over: Mapping[str, Any] | None = None,
    names: str | None = None,
    pattern: str = "",
    retry_failed: bool = False,
    scores: bool = False,
    recipe: Recipe | str | Path | None = None,
    shard: str = "",
    **values: Any,
) -> BatchResult:
    """Paint many pictures into a folder; call it again to resume.

    Args:
        photos: a folder with sub-folders, a file, or a list of them.
        style: as for `grid`; each style makes a result of its own.
        out: folder of the results and of the ledger; it is created.
        method: its id; "all" for all that take a content and a style.
        over: as for `grid`.
        names: template of file names, such as "{content}-{style}-{method}.png".
        pattern: only files of folders with such names, such as "*.jpg".
        retry_failed: try again what failed before.
        scores: compute the scores of every result.
        recipe: settings that are used where nothing else is given.
        shard: make one of several parts only, such as "3/8"; other processes make the others in
            the same folder.
        **values: parameters and settings of all results.

    Raises:
        StyleplugError: a wrong value, or a folder that cannot be written; a picture that fails is
            only reported.
    """
    from styleplug.engine.collect import batch as run_batch
    from styleplug.engine.collect import grid_from
    from styleplug.engine.shard import Shard

    folder, part = Path(out), Shard.of(shard)
    asked = grid_from(
        photos, style, method, over or {}, values, recipe, pattern=pattern, leave_out=[folder]
    )
    return run_batch(
        asked, folder, names=names, retry_failed=retry_failed, scored=scores, shard=part
    )


if TYPE_CHECKING:
    from styleplug.hosts.embed import mount, tabs

    def methods() -> Mapping[str, Method[Any]]:
        """The installed methods by id."""

else:

    def __getattr__(name: str) -> Any:
        """Import what needs gradio, and `methods`, a package that can be called, at first use."""
        import importlib

        if name in ("mount", "tabs"):
            return getattr(importlib.import_module("styleplug.hosts.embed"), name)
        if name == "methods":
            return importlib.import_module("styleplug.methods")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
