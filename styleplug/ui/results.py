"""The files of a run, in a separate folder with a name that cannot be guessed.

They are below the upload folder of the page, because it only serves files from there.  Files that
the page has shown are deleted after an hour (`delete_cache`).
"""

from __future__ import annotations

import re
import secrets
import zipfile
from pathlib import Path

from gradio.utils import get_upload_folder
from PIL import Image

from styleplug import imaging as image
from styleplug.core.array import Pixels
from styleplug.core.frame import Frame
from styleplug.imaging import Picture, scale, within
from styleplug.imaging.metadata import without_exif
from styleplug.imaging.sheet import write_all
from styleplug.ui.live import preview

BEFORE = 2048  # long side of the input picture in the comparison
NAME = 24  # most characters that the name of an upload gives to that of a result
KEPT = 12  # previews kept on disk, for some seconds: over a slow line, browsers ask late


def short_name(upload: Path) -> str:
    """The name of an upload without its ending, short, and with letters, digits and "-" only."""
    return re.sub(r"[\W_]+", "-", upload.stem)[:NAME].strip("-")


class Folder:
    """The folder for the files of a run.

    Args:
        name: the start of their names.

    Attributes:
        before: the input picture in the shape of the result, if they can be compared.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._path = Path(get_upload_folder()) / secrets.token_hex(20)
        self._path.mkdir(parents=True)
        self._previews: list[Path] = []
        self._result: Path | None = None
        self.before: Path | None = None
        self._singles: list[Path] = []

    @property
    def path(self) -> Path:
        """The folder."""
        return self._path

    def adopt(self, result: Path) -> None:
        """Take a file with its recipe as the result."""
        self._result = result

    def preview(self, picture: Pixels) -> Path:
        """A preview as a file; older ones are deleted."""
        path = self._path / f"preview-{secrets.token_hex(4)}.png"
        Image.fromarray(preview(picture)).save(path, compress_level=1)
        self._previews.append(path)
        while len(self._previews) > KEPT:
            self._previews.pop(0).unlink(missing_ok=True)
        return path

    def keep(self, final: Frame) -> Path:
        """The result as one file with its recipe: a PNG, or a WebP for an animation.

        Args:
            final: the last frame of the engine.
        """
        assert final.report is not None, "the engine's final frame carries its report"
        recipe, ending = final.report.recipe, "webp" if final.fps else "png"
        self._result = self._path / f"{self._name}-{recipe.seed}.{ending}"
        write_all(final.images, self._result, final.fps, recipe.to_json())
        return self._result

    def singles(self, final: Frame) -> list[Path]:
        """Each picture of the result as a PNG."""
        assert self._result is not None, "keep() comes first"
        stem = self._result.stem
        self._singles = [
            self._path / f"{stem}-{number}.png" for number in range(1, len(final.images) + 1)
        ]
        for path, picture in zip(self._singles, final.images, strict=True):
            image.write(picture, path)
        return self._singles

    def film(self, final: Frame) -> Path:
        """An animation as a video, without its recipe."""
        assert self._result is not None, "keep() comes first"
        path = self._result.with_suffix(".mp4")
        write_all(final.images, path, final.fps)
        return path

    @property
    def pictures(self) -> list[Path]:
        """Each picture of the result; none of an animation."""
        alone = [self._result] if self._result and self._result.suffix == ".png" else []
        return self._singles or alone

    def pack(self) -> Path:
        """The pictures of the result and their sheet as a ZIP."""
        assert self._result is not None, "keep() comes first"
        path = self._result.with_suffix(".zip")
        with zipfile.ZipFile(path, "w") as pack:  # PNG is compressed already
            for file in (self._result, *self._singles):
                pack.write(file, file.name)
        return path

    def single(self, number: int) -> Path:
        """One picture of the result, counted from 0; the result itself if there is only one."""
        assert self._result is not None, "keep() comes first"
        return self._singles[number] if self._singles else self._result

    def file(self, signed: bool) -> Path:
        """The result with its recipe, or a copy without it that has the same pixels."""
        assert self._result is not None, "keep() comes first"
        if signed:
            return self._result
        plain = self._path / "plain" / self._result.name
        if not plain.exists():
            plain.parent.mkdir(exist_ok=True)
            if plain.suffix == ".webp":
                plain.write_bytes(without_exif(self._result.read_bytes()))
            else:
                image.write(image.read(self._result), plain)
        return plain

    def put_before(self, picture: Picture, result: Pixels) -> None:
        """Write the input picture of a run in the shape of its result, reduced if it is large."""
        height, width = result.shape[:2]
        self.before = self._path / "before.png"
        image.write(scale(picture, *within(width, height, BEFORE)), self.before)
