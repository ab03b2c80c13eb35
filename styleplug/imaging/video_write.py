"""Write videos: frames one by one, with the sound of a clip; or all pictures of an animation."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from styleplug.core.array import Pixels
from styleplug.core.errors import OutputError
from styleplug.imaging.video import READ, library

_X264 = {"crf": "18", "preset": "fast", "bf": "0"}  # else MP4 in parts begins two frames late
CODECS = {
    ".mp4": ("libx264", _X264),
    ".mov": ("libx264", _X264),
    ".mkv": ("libx264", _X264),
    ".webm": (
        "libvpx-vp9",
        {"crf": "28", "b": "0", "deadline": "realtime", "cpu-used": "6", "auto-alt-ref": "0"},
    ),  # else without transparency
}
"""Encoders and their options, by the ending of a file."""
_PARTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "flush_packets": "1"}
"""Writes MP4 in parts, so that a file can be played whose process was killed."""
_EACH = 2.0  # seconds of a part
_TICKS = 90_000  # time stamps a second


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
        sound: Path | None = None,
        start: float = 0.0,
        end: float = math.inf,
        comment: str = "",
    ) -> None:
        check_ending(path)
        codec, options = CODECS[path.suffix.lower()]
        self.notes: list[str] = []
        self._path = path
        try:
            self._out = library().open(str(path), "w", options=_PARTS if _is_mp4(path) else {})
        except OSError as error:
            raise OutputError(f"{path} cannot be written: {error.strerror or error}") from error
        self._video = self._out.add_stream(
            codec, rate=Fraction(rate).limit_denominator(1001), options=options
        )
        self._video.codec_context.time_base = Fraction(1, _TICKS)
        self._video.codec_context.gop_size = max(1, round(_EACH * rate))
        self._out.metadata["comment"] = comment
        self._source = library().open(str(sound), options=READ) if sound else None
        self._packets = self._sound(start, end)
        self._waiting: Any = None
        self._last, self._whitened = -1, False

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
            with suppress(library().FFmpegError):
                self._out.close()
            if self._source is not None:
                self._source.close()

    def write(self, time: float, pixels: Pixels) -> None:
        """Add a frame (h, w, 3) or (h, w, 4) in [0, 1]; all have the shape of the first one.

        A side with an odd number of pixels loses its last one: the format has no odd sides.  Where
        the format has no transparency, white is behind the frame.
        """
        high, wide = (side // 2 * 2 for side in pixels.shape[:2])
        clear = pixels.shape[2] == 4
        if clear and not _is_webm(self._path):
            if not self._whitened and pixels[:, :, 3].min() < 1:
                ending = self._path.suffix
                self.notes.append(f"transparency became white: {ending} cannot hold it, .webm can")
                self._whitened = True
            pixels, clear = 1 - pixels[:, :, 3:] * (1 - pixels[:, :, :3]), False
        if self._last < 0:
            self._video.width, self._video.height = wide, high
            self._video.pix_fmt = "yuva420p" if clear else "yuv420p"
            self._video.metadata.update({"alpha_mode": "1"} if clear else {})
        whole = np.ascontiguousarray((pixels[:high, :wide] * 255 + 0.5).astype(np.uint8))
        frame = library().VideoFrame.from_ndarray(whole, format="rgba" if clear else "rgb24")
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
        if self._source is None:
            return iter(())
        for stream in self._source.streams.audio:
            try:
                tracks[stream.index] = self._out.add_stream_from_template(stream)
            except (ValueError, library().FFmpegError):
                kind = stream.codec_context.name
                self.notes.append(f"{kind} sound is left out: {self._path.suffix} cannot hold it")
        if not tracks:
            return iter(())
        chosen = [stream for stream in self._source.streams.audio if stream.index in tracks]
        if start > 0:
            self._source.seek(int(start * library().time_base))
        return self._shifted(self._source.demux(chosen), tracks, start, end)

    def _shifted(
        self, packets: Iterator[Any], tracks: dict[int, Any], start: float, end: float
    ) -> Iterator[tuple[float, Any]]:
        for packet in packets:
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


def encode_video(pictures: Sequence[Pixels], fps: float, ending: str, comment: str) -> bytes:
    """The bytes of a video without sound.

    Args:
        pictures: (h, w, 3) or (h, w, 4) in [0, 1], all of one shape.
        fps: pictures a second.
        ending: decides the format, such as ".mp4".
        comment: is stored in the file.
    """
    with tempfile.TemporaryDirectory(prefix="styleplug-") as folder:
        parts, out = Path(folder, f"parts{ending}"), Path(folder, f"video{ending}")
        with Writer(parts, fps) as writer:
            for number, one in enumerate(pictures):
                writer.write(number / fps, one)
        complete(parts, out, comment)
        return out.read_bytes()


def complete(parts: Path, out: Path, comment: str) -> None:
    """Move a finished video to its place, with an index, so that players know its length.

    Args:
        parts: the finished file of a `Writer`.
        out: the place.
        comment: is stored in the file.

    Raises:
        OutputError: it cannot be written.
    """
    options = {"movflags": "faststart"} if _is_mp4(out) else {}
    try:
        with (
            library().open(str(parts)) as source,
            library().open(str(out), "w", options=options) as made,
        ):
            made.metadata["comment"] = comment
            streams = {one.index: made.add_stream_from_template(one) for one in source.streams}
            for one in source.streams:
                streams[one.index].metadata.update(one.metadata)  # that it has transparency
            for packet in source.demux():
                if packet.dts is not None:
                    packet.stream = streams[packet.stream.index]
                    made.mux(packet)
        parts.unlink()
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error.strerror or error}") from error


def _is_mp4(path: Path) -> bool:
    return path.suffix.lower() in (".mp4", ".mov")


def _is_webm(path: Path) -> bool:
    return path.suffix.lower() == ".webm"


def check_ending(path: Path) -> None:
    """Check that a file name has the ending of a video format.

    Raises:
        OutputError: it has not.
    """
    if path.suffix.lower() not in CODECS:
        raise OutputError(f"{path.name!r} must end in {', '.join(CODECS)}")
