"""The pictures that the page offers: photographs, built-in styles, and styles of the host's folder.

A visitor gets copies below the upload folder of the page, so that they count as uploads.  A copy or
a thumbnail is made when it is first asked for: a swatch takes a second to paint, and a folder may
hold thousands of pictures.
"""

from __future__ import annotations

import secrets
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from gradio.media import get_image
from gradio.utils import get_upload_folder

from styleplug.core.errors import BadImage
from styleplug.engine.styles import BUILT_IN, built_in
from styleplug.imaging import fit, measure, read, write
from styleplug.imaging.folder import pictures_in
from styleplug.ui.uploads import located, uploaded

PHOTOGRAPHS = ("tower", "lion", "cheetah1", "cheetah")  # of gradio
PAINTINGS = ("night", "lilies", "waves", "woodcut")  # examples for methods without a style
MOST = 10_000  # pictures of the host's folder that are offered
PAGE = 18  # of them on a page
LARGE, SIDE = 2048, 160  # long side of a copy from this folder, and of a thumbnail
SMALL = ".small.webp"  # ending of a thumbnail, after that of its picture


@dataclass(frozen=True)
class Offer:
    """A picture that is offered.

    Args:
        name: for people; of a picture that is not the host's, the key of a text of the page.
        path: of the copy that a visitor gets; it may not exist yet.
        source: gives the picture.
        own: whether it is the host's: its copy has none of its metadata, such as positions.
    """

    name: str
    path: Path
    source: Callable[[], Path] = field(repr=False)
    own: bool = False


class Offers:
    """All pictures that a page offers.

    Args:
        folder: the host's own styles, with sub-folders; it is read once.  None for none.

    Attributes:
        photographs: photographs to paint.
        styles: the built-in styles.
        folder: the pictures of the host's folder, by name.
        left_out: how many pictures of the folder are not offered, because it has more than `MOST`.

    Raises:
        UsageError: there is no such folder, or no picture in it.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._home = Path(get_upload_folder()).resolve() / secrets.token_hex(20)
        self._known: dict[Path, Offer] = {}
        self._files: list[Offer] = []
        self._lock = threading.Lock()  # each is made once, and not many at the same time
        self.photographs = [
            self._add(f"photo_{id}", f"photographs/{id}.jpg", partial(_photograph, id))
            for id in PHOTOGRAPHS
        ]
        self.styles = [
            self._add(f"style_{id}", f"styles/{id}.png", partial(built_in, id)) for id in BUILT_IN
        ]
        found = pictures_in(folder) if folder else []
        self.left_out = max(0, len(found) - MOST)
        self.folder = [
            self._add(path.name, f"{number}/{path.stem}.png", path.absolute, own=True)
            for number, path in enumerate(found[:MOST])
        ]

    def _add(
        self, name: str, place: str, source: Callable[[], Path], *, own: bool = False
    ) -> Offer:
        offer = Offer(name, self._home / place, source, own)
        self._known[offer.path] = offer
        return offer

    def file(self, source: Path) -> Path:
        """Offer a small picture of the installation; the path of its copy."""
        self._files.append(self._add(source.stem, f"files/{source.name}", source.absolute))
        return self._files[-1].path

    @property
    def paintings(self) -> list[Offer]:
        """Some built-in styles, as examples of paintings."""
        return [self.style(id) for id in PAINTINGS]

    def style(self, id: str) -> Offer:
        """A built-in style."""
        return self.styles[BUILT_IN.index(id)]

    def page(self, number: int) -> tuple[list[Offer], list[str]]:
        """Some pictures of the folder, and the names of those there that cannot be read."""
        some = self.folder[number * PAGE : (number + 1) * PAGE]
        good = [one for one in some if _readable(one.source())]
        return good, [one.name for one in some if one not in good]

    def is_ours(self, path: Path) -> bool:
        """Whether a file is a copy of an offer."""
        return path.is_relative_to(self._home)

    def find(self, payload: object) -> Path:
        """The file of an offer, or of an upload.

        Args:
            payload: as the browser sends it, a mapping with a "path".

        Raises:
            BadImage: it is neither; or it cannot be read, or was deleted.
        """
        offer = self._known.get(located(payload))
        return self.copy(offer) if offer else uploaded(payload)

    def copy(self, offer: Offer) -> Path:
        """The copy of an offer, which a visitor gets.

        Raises:
            BadImage: a picture of the folder cannot be read.
        """
        with self._lock:
            if not offer.path.exists():  # or gradio deleted it as an old upload
                self._make(offer)
        return offer.path

    def _make(self, offer: Offer) -> None:
        offer.path.parent.mkdir(parents=True, exist_ok=True)
        if offer.own:
            write(read(offer.source(), longest=LARGE), offer.path)
            return
        part = offer.path.with_name(f"{secrets.token_hex(8)}{offer.path.suffix}")
        shutil.copyfile(offer.source(), part)
        part.replace(offer.path)

    def make(self, path: str) -> None:
        """Make a file that a browser asks for, if it is a copy or a thumbnail that is not there.

        Raises:
            StyleplugError: the picture cannot be read.
        """
        picture = Path(path.removesuffix(SMALL))
        offer = self._known.get(picture)
        if offer and path == str(picture):
            self.copy(offer)
        elif path != str(picture):
            source = offer.source() if offer else uploaded({"path": str(picture)})
            self._reduce(source, Path(path))

    def make_all(self) -> None:
        """Make all thumbnails but those of the host's folder, for pages without `Previews`."""
        for offer in self._files:
            self.copy(offer)
        for offer in (*self.photographs, *self.styles):
            self.make(small(offer.path))

    def _reduce(self, source: Path, path: Path) -> None:
        """Make a thumbnail."""
        with self._lock:
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                write(fit(read(source, longest=2 * SIDE), SIDE), path)


def small(path: Path) -> str:
    """The path of the thumbnail of an offer or an upload; it is made when a browser asks for it."""
    return f"{path}{SMALL}"


def _photograph(id: str) -> Path:
    return Path(get_image(f"{id}.jpg"))


def _readable(path: Path) -> bool:
    """Whether the header of a picture can be read."""
    try:
        measure(path)
    except BadImage:
        return False
    return True
