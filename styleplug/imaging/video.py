"""Videos: read the frames of a clip one by one, and write frames with the sound of a clip.

PyAV, which brings the libraries of FFmpeg, decodes and encodes.  It is in the extra `video`.
Memory does not grow with the length of a clip.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from styleplug.core.array import Pixels
from styleplug.core.errors import BadImage, OutputError
from styleplug.core.recipe import LARGEST
from styleplug.imaging.colour import BT2020, HLG, LUMA, PAPER, PQ, encoded, space_of
from styleplug.imaging.picture import fitted
from styleplug.system.extras import require

_X264 = {"crf": "18", "preset": "fast", "bf": "0"}  # else MP4 in parts begins two frames late
CODECS = {
    ".mp4": ("libx264", _X264),
    ".mov": ("libx264", _X264),
    ".mkv": ("libx264", _X264),
    ".webm": ("libvpx-vp9", {"crf": "28", "b": "0", "deadline": "realtime", "cpu-used": "6"}),
}
"""Encoders and their options, by the ending of a file."""
_READ = {
    "format_whitelist": "mov,matroska,avi,mpegts,mpeg,flv,asf,ogg,mxf,gif",
    "protocol_whitelist": "file",
}
"""Formats that are read: none that is a list of other files, which a stranger could choose."""
_PARTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "flush_packets": "1"}
"""Writes MP4 in parts, so that a file can be played whose process was killed."""
_EACH = 2.0  # seconds of a part
_TICKS = 90_000  # time stamps a second
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
    """

    width: int
    height: int
    rate: float
    seconds: float
    hdr: bool


def header(path: Path) -> Facts:
    """What the header of a video says; nothing is decoded, so it may be upright or not.

    Raises:
        UsageError: PyAV is not installed.
        BadImage: the file is not a video, or its frames are too large.
    """
    with _opened(path) as (container, stream):
        rate = stream.average_rate or stream.guessed_rate or 25
        length = (container.duration or 0) / _av().time_base
        return Facts(stream.width, stream.height, float(rate), length, hdr=False)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """A file and its first track of pictures.

    Raises:
        BadImage: the file is not a video, or its frames are too large.
    """
    av = _av()
    try:
        with av.open(str(path), options=_READ) as container:
            stream = container.streams.video[0]
            if max(stream.width, stream.height) > LARGEST:
                raise BadImage(
                    f"{path.name!r} has frames of {stream.width} × {stream.height} px; expected "
                    f"at most {LARGEST} px a side"
                )
            stream.codec_context.options = {"max_pixels": str(LARGEST**2)}  # also in later frames
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
        """Times in seconds, from 0 on, and frames (h, w, 3) whose long side is `size`.

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
            stream.thread_type = "AUTO"
            if start > 0:
                where = int((start + self.offset) / stream.time_base)
                container.seek(where, stream=stream)  # the key frame before
            for frame in self._decoded(container, stream):
                time = float(frame.time or 0.0) - self.offset
                if time >= end or (cancel is not None and cancel.is_set()):
                    return
                if time < due - 1e-6:
                    continue
                if rate:
                    due += max(1, math.floor((time - due) * rate + 1e-6) + 1) / rate
                yield time - start, _pixels(frame, width, height)

    def _decoded(self, container: Any, stream: Any) -> Iterator[Any]:
        """The frames of a stream; what is damaged is skipped and counted."""
        av = _av()
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets)
                decoded = packet.decode()
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


class Writer:
    """Writes a video with the sound of a clip, as a context manager.

    What was written can be played also if the process is killed.

    Args:
        path: the file; its ending decides the format.
        rate: frames a second, a hint for players; each frame has its own time.
        sound: the clip whose sound tracks are copied, if it has any.
        start: seconds of the clip that the sound leaves out.
        end: where the sound ends, in seconds of the clip.
        comment: is stored in the file, see `comment_of`.

    Attributes:
        notes: what could not be kept.

    Raises:
        OutputError: the ending is not that of a video format, or the file cannot be written.
    """

    def __init__(
        self,
        path: Path,
        rate: float,
        sound: Path,
        start: float = 0.0,
        end: float = math.inf,
        comment: str = "",
    ) -> None:
        check_ending(path)
        codec, options = CODECS[path.suffix.lower()]
        self.notes: list[str] = []
        self._path = path
        try:
            self._out = _av().open(str(path), "w", options=_PARTS if _is_mp4(path) else {})
        except OSError as error:
            raise OutputError(f"{path} cannot be written: {error.strerror or error}") from error
        self._video = self._out.add_stream(
            codec, rate=Fraction(rate).limit_denominator(1001), options=options
        )
        self._video.codec_context.time_base = Fraction(1, _TICKS)
        self._video.codec_context.gop_size = max(1, round(_EACH * rate))
        self._out.metadata["comment"] = comment
        self._source = _av().open(str(sound), options=_READ)
        self._packets = self._sound(start, end)
        self._waiting: Any = None
        self._last = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write what is still in the encoder, and the index, so that players can read the file."""
        try:
            self._mux(self._video.encode(None) if self._last >= 0 else [])
        finally:
            with suppress(_av().FFmpegError):
                self._out.close()
            self._source.close()

    def write(self, time: float, pixels: Pixels) -> None:
        """Add a frame (h, w, 3) in [0, 1]; all frames have the shape of the first one.

        A side with an odd number of pixels loses its last one: the format has no odd sides.
        """
        high, wide = (side // 2 * 2 for side in pixels.shape[:2])
        if self._last < 0:
            self._video.width, self._video.height = wide, high
            self._video.pix_fmt = "yuv420p"
        whole = (pixels[:high, :wide] * 255 + 0.5).astype(np.uint8)
        frame = _av().VideoFrame.from_ndarray(np.ascontiguousarray(whole), format="rgb24")
        frame.time_base = Fraction(1, _TICKS)
        frame.pts = self._last = max(round(time * _TICKS), self._last + 1)
        self._mux(self._video.encode(frame))
        self._hear(time)

    def _mux(self, packets: list[Any]) -> None:
        try:
            self._out.mux(packets)
        except OSError as error:
            raise OutputError(
                f"{self._path} cannot be written: {error.strerror or error}"
            ) from error

    def _sound(self, start: float, end: float) -> Iterator[tuple[float, Any]]:
        """Times and packets of all sound tracks, in their order in the file."""
        tracks: dict[int, Any] = {}
        for stream in self._source.streams.audio:
            try:
                tracks[stream.index] = self._out.add_stream_from_template(stream)
            except (ValueError, _av().FFmpegError):
                kind = stream.codec_context.name
                self.notes.append(f"{kind} sound is left out: {self._path.suffix} cannot hold it")
        if not tracks:
            return iter(())
        chosen = [stream for stream in self._source.streams.audio if stream.index in tracks]
        if start > 0:
            self._source.seek(int(start * _av().time_base))
        return self._shifted(chosen, tracks, start, end)

    def _shifted(
        self, chosen: list[Any], tracks: dict[int, Any], start: float, end: float
    ) -> Iterator[tuple[float, Any]]:
        for packet in self._source.demux(chosen):
            if packet.pts is None or packet.dts is None:
                continue
            time = float(packet.pts * packet.time_base)
            if time >= end:
                return
            if time >= start:
                ticks = round(start / packet.time_base)
                packet.pts, packet.dts = packet.pts - ticks, packet.dts - ticks
                packet.stream = tracks[packet.stream.index]
                yield time - start, packet

    def _hear(self, until: float) -> None:
        """Copy the sound up to a time."""
        while True:
            self._waiting = self._waiting or next(self._packets, None)
            if self._waiting is None or self._waiting[0] > until:
                return
            self._mux([self._waiting[1]])
            self._waiting = None


def comment_of(path: Path) -> str:
    """The comment that is stored in a video; "" if there is none, or no such video."""
    try:
        with _av().open(str(path)) as container:
            return str(container.metadata.get("comment", container.metadata.get("COMMENT", "")))
    except (_av().FFmpegError, OSError):
        return ""


def complete(parts: Path, out: Path) -> None:
    """Move a finished video to its place; an MP4 gets an index, so that players know its length.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        if not _is_mp4(out):
            parts.replace(out)
            return
        with (
            _av().open(str(parts)) as source,
            _av().open(str(out), "w", options={"movflags": "faststart"}) as made,
        ):
            streams = {one.index: made.add_stream_from_template(one) for one in source.streams}
            for packet in source.demux():
                if packet.dts is not None:
                    packet.stream = streams[packet.stream.index]
                    made.mux(packet)
        parts.unlink()
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error.strerror or error}") from error


def _is_mp4(path: Path) -> bool:
    return path.suffix.lower() in (".mp4", ".mov")


def check_ending(path: Path) -> None:
    """Check that a file name has the ending of a video format.

    Raises:
        OutputError: it has not.
    """
    if path.suffix.lower() not in CODECS:
        raise OutputError(f"{path.name!r} must end in {', '.join(CODECS)}")


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


def _pixels(frame: Any, width: int, height: int) -> Pixels:
    """A decoded frame, turned upright: (height, width, 3)."""
    hdr = frame.color_trc in (PQ, HLG)
    if frame.rotation % 180:
        width, height = height, width
    depth = ("rgb48le", 65535) if hdr else ("rgb24", 255)
    small = frame.reformat(width, height, depth[0], interpolation="LANCZOS")
    pixels = small.to_ndarray().astype(np.float32) / np.float32(depth[1])
    pixels = tone_mapped(pixels, frame.color_trc) if hdr else pixels
    return np.ascontiguousarray(np.rot90(pixels, frame.rotation // 90))


def _av() -> Any:
    """PyAV.

    Raises:
        UsageError: it is not installed.
    """
    require("video", "video")
    import av

    return av
