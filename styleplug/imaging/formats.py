"""The picture formats that can be read: how to recognise a file, and how to open it."""

from __future__ import annotations

import re
from typing import IO

from PIL import (  # the plug-ins register their formats in Image.OPEN
    AvifImagePlugin,  # noqa: F401
    BmpImagePlugin,  # noqa: F401
    GifImagePlugin,  # noqa: F401
    Image,
    JpegImagePlugin,  # noqa: F401
    WebPImagePlugin,  # noqa: F401
)

from styleplug.core.errors import BadImage
from styleplug.imaging import png, tiff
from styleplug.system.extras import missing

FORMATS = {
    "PNG": (".png",),
    "JPEG": (".jpg", ".jpeg"),
    "WEBP": (".webp",),
    "AVIF": (".avif",),
    "HEIC": (".heic", ".heif"),
    "TIFF": (".tif", ".tiff"),
    "BMP": (".bmp",),
    "GIF": (".gif",),
}
"""Readable formats and their usual endings.  The content of a file decides its format."""
_STARTS = {
    "PNG": (png.SIGNATURE,),
    "JPEG": (b"\xff\xd8\xff",),
    "TIFF": (b"II*\0", b"MM\0*", b"II+\0"),
    "BMP": (b"BM",),
    "GIF": (b"GIF87a", b"GIF89a"),
}
_BRANDS = {  # of ISO media files
    "AVIF": {b"avif", b"avis"},
    "HEIC": {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"},
}
HEAD = 64
"""Number of bytes at the start of a file that are needed to recognise its format."""


def format_of_data(head: bytes) -> str | None:
    """The format of a file that begins with these bytes; None if it cannot be read.

    >>> format_of_data(b"GIF89a..."), format_of_data(b"%PDF-1.7")
    ('GIF', None)
    """
    if head[4:8] == b"ftyp":
        length = min(int.from_bytes(head[:4], "big"), len(head))
        brands = {head[8:12], *(head[at : at + 4] for at in range(16, length, 4))}
        return next((kind for kind, known in _BRANDS.items() if brands & known), None)
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WEBP"
    return next((kind for kind, starts in _STARTS.items() if head.startswith(starts)), None)


def open_image(file: IO[bytes], name: str, notes: list[str]) -> Image.Image:
    """Open a picture and read its header.

    `Image.open` is not used, because it warns of large pictures by a process-wide limit.

    Args:
        file: the file, at its beginning.
        name: name of the file, for messages.
        notes: notes for the user are added to this list.

    Raises:
        BadImage: it is not a picture, or not of a readable format.
    """
    head = file.read(HEAD)
    if not head:
        raise BadImage(f"{name} is empty (0 bytes); choose another file")
    kind = format_of_data(head)
    file.seek(0)
    match kind:
        case None:
            expected = ", ".join(FORMATS)
            raise BadImage(f"{name} is not a picture that can be read; expected one of {expected}")
        case "PNG":
            return png.open_png(file, notes)
        case "TIFF":
            return tiff.open_tiff(file, name, notes)
        case "HEIC":
            return _heic(file, name)
        case "AVIF":
            return _avif(file)
    return Image.OPEN[kind][0](file, "")


def _heic(file: IO[bytes], name: str) -> Image.Image:
    """Open a HEIC picture; the decoder applies its rotation."""
    if lacking := missing("heic", f"the HEIC picture {name}"):
        raise BadImage(lacking)
    from pi_heif import HeifImageFile

    _check_items(file.read())
    image: Image.Image = HeifImageFile(file, "")
    profile = image.info.get("nclx_profile")
    if profile and "icc_profile" not in image.info:
        image.info["cicp"] = profile["color_primaries"], profile["transfer_characteristics"], 0, 1
    return image


def _check_items(data: bytes) -> None:
    """Check that the names of items in a HEIC file are ASCII; other bytes may crash pi-heif.

    Raises:
        ValueError: a name is not ASCII.
    """
    for found in re.finditer(rb"(....)infe([\0-\3])", data, re.DOTALL):
        length, start = int.from_bytes(found[1], "big"), found.start()
        data[start + (18 if found[2] == b"\3" else 16) : start + max(20, length)].decode("ascii")


def _avif(file: IO[bytes]) -> Image.Image:
    """Open an AVIF picture, and read its cICP numbers, which Pillow does not give."""
    at = (start := file.read(2**16)).find(b"colrnclx") + 8
    file.seek(0)
    image = Image.OPEN["AVIF"][0](file, "")
    if at >= 8 and "icc_profile" not in image.info:
        numbers = (int.from_bytes(start[at + i : at + i + 2], "big") for i in (0, 2))
        image.info["cicp"] = *numbers, 0, 1
    return image
