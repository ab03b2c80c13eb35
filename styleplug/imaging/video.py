"""Videos: read the frames of a clip one by one; `video_write.py` writes them.

PyAV, which brings the libraries of FFmpeg, decodes and encodes.  It is in the extra `video`.
Memory does not grow with the length of a clip.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np

from styleplug.core.array import Pixels
from styleplug.core.errors import BadImage
from styleplug.core.recipe import LARGEST
from styleplug.imaging.colour import BT2020, HLG, LUMA, PAPER, PQ, encoded, space_of
from styleplug.imaging.picture import Picture, fitted, scale
from styleplug.system.extras import missing, require

READ = {
    "format_whitelist": "mov,matroska,avi,mpegts,mpeg,flv,asf,ogg,mxf,gif",
    "protocol_whitelist": "file",
}
"""Formats that are read: none that is a list of other files, which a stranger could choose."""
_BOUND = {"max_pixels": str(LARGEST**2)}  # also of frames after the first one
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}  # the others of FFmpeg leave it out
_PEAK = 1000.0 / PAPER  # light that becomes white, where 1 is white paper


@dataclass(frozen=True)
class Facts:
    """What the header of a clip says.

    Args:
        width: of a frame as it is shown, after rotation.
        height: the same.
        rate: frames a second, on average.
        seconds: its length.
        hdr: whether its brightness must be mapped to that of a picture.
        alpha: whether it has transparency.
    """

    width: int
    height: int
    rate: float
    seconds: float
    hdr: bool
    alpha: bool = False


def header(path: Path) -> Facts:
    """What the header of a video says; nothing is decoded, so it may be upright or not.

    Raises:
        UsageError: PyAV is not installed.
        BadImage: the file is not a video, or its frames are too large.
    """
    with _opened(path) as (container, stream):
        rate = stream.average_rate or stream.guessed_rate or 25
        length = (container.duration or 0) / library().time_base
        alpha = _alpha_apart(stream) or any(part.is_alpha for part in stream.format.components)
        return Facts(stream.width, stream.height, float(rate), length, hdr=False, alpha=alpha)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """A file and its first track of pictures.

    Raises:
        BadImage: the file is not a video, or its frames are too large.
    """
    av = library()
    try:
        with av.open(str(path), options=READ) as container:
            stream = container.streams.video[0]
            if max(stream.width, stream.height) > LARGEST:
                raise BadImage(
                    f"{path.name!r} has frames of {stream.width} × {stream.height} px; expected "
                    f"at most {LARGEST} px a side"
                )
            stream.codec_context.options = _BOUND
            yield container, stream
    except FileNotFoundError:
        raise BadImage(f"there is no file {path.name!r}") from None
    except (av.FFmpegError, OSError, IndexError, StopIteration) as error:
        why = getattr(error, "strerror", None) or "it has no pictures"
        raise BadImage(f"{path.name!r} is not a video that can be read ({why})") from None


class Clip:
    """A video file.

    Attributes:
        facts: of its header, and of its first frame.
        skipped: frames that could not be decoded, so far.

    Raises:
        UsageError: PyAV is not installed.
        BadImage: the file is not a video, or its frames are too large.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.skipped = path, 0
        facts = header(path)
        with _opened(path) as (container, stream):
            first = next(container.decode(stream))
            self.offset = float((stream.start_time or 0) * stream.time_base)
        turned = first.rotation % 180 != 0
        width, height = (first.height, first.width) if turned else (first.width, first.height)
        hdr = first.color_trc in (PQ, HLG)
        self.facts = replace(facts, width=width, height=height, hdr=hdr)

    def frames(
        self,
        size: int,
        start: float = 0.0,
        end: float = math.inf,
        rate: float = 0.0,
        cancel: threading.Event | None = None,
    ) -> Iterator[tuple[float, Pixels]]:
        """Times in seconds, from 0 on, and frames whose long side is `size`.

        They are (h, w, 3), or (h, w, 4) if the clip has transparency.

        Args:
            size: in pixels.
            start: in seconds; earlier frames are left out.
            end: in seconds; from there on, frames are left out.
            rate: frames a second; 0 keeps all frames at their own times.
            cancel: ends it, also while it looks for the first frame.
        """
        due = start
        width, height = fitted(self.facts.width, self.facts.height, size)
        with _opened(self.path) as (container, stream):
            decoder = _decoder(stream)
            decoder.thread_type = "AUTO"
            if start > 0:
                where = int((start + self.offset) / stream.time_base)
                container.seek(where, stream=stream)  # the key frame before
            for frame in self._decoded(container.demux(stream), decoder):
                time = float(frame.time or 0.0) - self.offset
                if time >= end or (cancel is not None and cancel.is_set()):
                    return
                if time < due - 1e-6:
                    continue
                if rate:
                    due += max(1, math.floor((time - due) * rate + 1e-6) + 1) / rate
                yield time - start, _pixels(frame, width, height, alpha=self.facts.alpha)

    def _decoded(self, packets: Iterator[Any], decoder: Any) -> Iterator[Any]:
        """The frames of a stream; what is damaged is skipped and counted."""
        av = library()
        while True:
            try:
                decoded = decoder.decode(next(packets))
            except StopIteration:
                return
            except av.error.InvalidDataError:
                self.skipped += 1
                continue
            except (av.FFmpegError, OSError):  # the file ends here
                self.skipped += 1
                return
            yield from (frame for frame in decoded if not frame.is_corrupt)
            self.skipped += sum(frame.is_corrupt for frame in decoded)


def _alpha_apart(stream: Any) -> bool:
    """Whether the transparency of a WebM file is beside its pictures."""
    asked = {name.lower(): value for name, value in stream.metadata.items()}.get("alpha_mode")
    return asked == "1" and stream.codec_context.name in _ALPHA_DECODERS


def _decoder(stream: Any) -> Any:
    """What decodes a stream with its transparency."""
    usual = stream.codec_context
    if not _alpha_apart(stream):
        return usual
    decoder = library().CodecContext.create(_ALPHA_DECODERS[usual.name], "r")
    decoder.extradata, decoder.options = usual.extradata, _BOUND
    return decoder


def comment_of(file: Path | IO[bytes]) -> str:
    """The comment that is stored in a video; "" if there is none, or no such video."""
    if missing("video", "video"):
        return ""
    source = str(file) if isinstance(file, Path) else file
    try:
        with library().open(source, options=READ) as container:
            return str(container.metadata.get("comment", container.metadata.get("COMMENT", "")))
    except (library().FFmpegError, OSError):
        return ""


def tone_mapped(signal: Pixels, transfer: int) -> Pixels:
    """HDR as sRGB: brightness above white is compressed up to `_PEAK`, as Reinhard et al. 2002 do.

    Args:
        signal: (h, w, 3) in [0, 1], BT.2020, encoded with PQ (SMPTE ST 2084) or HLG (BT.2100).
        transfer: the number of that encoding in ITU-T H.273.

    Returns:
        (h, w, 3) float32 in [0, 1].
    """
    space = space_of({"cicp": (BT2020, transfer, 0, True)})
    assert space is not None, "it is not sRGB"
    light = np.maximum(space.curve(signal) @ space.matrix.T, 0)
    luma = (light @ LUMA)[:, :, None]
    light *= (1 + luma / _PEAK**2) / (1 + luma)
    return encoded(light).astype(np.float32, copy=False)


def _pixels(frame: Any, width: int, height: int, *, alpha: bool = False) -> Pixels:
    """A decoded frame, turned upright: (height, width, 3), or (height, width, 4) with alpha."""
    if alpha:
        levels = frame.to_ndarray(format="rgba").astype(np.float32) / np.float32(255)
        upright = np.rot90(levels, frame.rotation // 90)
        sized = scale(Picture(upright[:, :, :3], upright[:, :, 3]), width, height)
        assert sized.alpha is not None, "it keeps its transparency"
        return np.dstack([sized.pixels, sized.alpha])
    hdr = frame.color_trc in (PQ, HLG)
    if frame.rotation % 180:
        width, height = height, width
    depth = ("rgb48le", 65535) if hdr else ("rgb24", 255)
    small = frame.reformat(width, height, depth[0], interpolation="LANCZOS")
    pixels = small.to_ndarray().astype(np.float32) / np.float32(depth[1])
    pixels = tone_mapped(pixels, frame.color_trc) if hdr else pixels
    return np.ascontiguousarray(np.rot90(pixels, frame.rotation // 90))


def library() -> Any:
    """PyAV.

    Raises:
        UsageError: it is not installed.
    """
    require("video", "video")
    import av

    return av
