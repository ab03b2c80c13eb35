"""One run of a method: from checked inputs to the finished picture."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from styleplug.backends.choose import replaced
from styleplug.core.array import Pixels
from styleplug.core.backend import Backend
from styleplug.core.errors import Cancelled, MethodError, OutOfMemory
from styleplug.core.frame import Frame, Report
from styleplug.core.method import MASK, REGION, Before, Images
from styleplug.core.params import Params
from styleplug.core.recipe import Recipe
from styleplug.core.weight import WeightFile, WeightSource
from styleplug.engine import memory, plan, record
from styleplug.engine.context import RunContext
from styleplug.engine.finish import finish, match_colours
from styleplug.engine.inputs import base_shape, has_regions, prepare, result_shape, workable
from styleplug.engine.memo import Descriptions
from styleplug.engine.need import Need, more_mb
from styleplug.engine.nets import NetCache
from styleplug.engine.regions import painted, shares, union
from styleplug.engine.scores import scores
from styleplug.imaging import Picture, resize
from styleplug.methods.shared.transfer import CONTENT, ENCODER, STYLE, shares_of
from styleplug.plugins.guard import Guarded
from styleplug.store import Store
from styleplug.system import machine

_PREVIEW = 2048  # longest side of a preview; larger ones are reduced


@dataclass(frozen=True)
class Shared:
    """Objects that all runs of an engine share."""

    store: Store
    cache: NetCache
    calibration: plan.Calibration


class Run:
    """One run."""

    def __init__(
        self,
        recipe: Recipe,
        method: Guarded,
        params: Params,
        pictures: Mapping[str, Sequence[Picture]],
        sources: Mapping[str, tuple[WeightSource, ...]],
        backend: Backend,
        kind: plan.Kind,
        shared: Shared,
        cancel: threading.Event,
        *,
        scored: bool = False,
        memo: Descriptions | None = None,
        before: Before | None = None,
    ) -> None:
        self.recipe, self.method, self.params, self.pictures = recipe, method, params, pictures
        self.backend, self.shared, self.cancel = backend, shared, cancel
        self.files: dict[str, WeightFile] = {}
        self._kind, self._sources = kind, sources
        self._scored, self._memo, self._before = scored, memo, before
        self._regions = pictures.get(REGION, ()) if has_regions(method) else ()
        self._started = time.perf_counter()
        self._size = recipe.size
        self._content: Picture | None = None  # for finishing, at the shape of the result
        self._last: Frame | None = None  # the last one with a picture
        self._sizes = {
            slot: [(picture.width, picture.height) for picture in many]
            for slot, many in pictures.items()
        }
        self._need = Need(method, params, self._sizes, shared.calibration.of(kind))
        self._notes = [note for some in pictures.values() for one in some for note in one.notes]
        self._note(replaced(recipe.device, backend))
        self._providers: dict[str, None] = {}  # an ordered set
        self._found_mb = 0.0  # nets that were loaded before this run
        self._work = 0.0  # as given by the method
        self._busy = 0.0  # seconds within the method, without loading nets

    def frames(self) -> Iterator[Frame]:
        """The frames of the run; memory is freed when it is closed or fails.

        Raises:
            Cancelled: stopped before there was a picture.
            OutOfMemory: not enough memory, even at a smaller size.
            MethodError: the method failed or broke its contract; frames already yielded stay valid.
            StyleplugError: errors of the store and the backend.
        """
        try:
            self._release()
            with memory.Watch() as watch:
                frame, cancelled = yield from self._outcome()
                if not cancelled:
                    self._observe(frame, watch)
                final = self._finished(frame, watch, cancelled)
        finally:
            self._last = self._content = None
            self._release()
        del frame  # free the unfinished picture of the method
        yield final

    def _outcome(self) -> Generator[Frame, None, tuple[Frame, bool]]:
        """The last frame of the method, and whether the run was stopped."""
        try:
            yield from self._weights()
            return (yield from self._within_memory()), False
        except Cancelled:
            if self._last is None:
                raise Cancelled("stopped before there was a picture") from None
            return self._checked(self._last), True

    def _weights(self) -> Iterator[Frame]:
        """Resolve the weights and yield the progress."""
        for key, sources in self._sources.items():
            if self.backend.needs_weights:
                self.files[key] = yield from self._resolve(sources)
            else:
                self.files[key] = WeightFile(sources[-1].arch, Path(key), "", self.backend.name)
            self._note(self.files[key].note)

    def _resolve(self, sources: tuple[WeightSource, ...]) -> Generator[Frame, None, WeightFile]:
        notes = self.shared.store.resolve(sources)
        try:
            while True:
                if self.cancel.is_set():
                    raise Cancelled("stopped")
                yield Frame(0, 0, note=next(notes))
        except StopIteration as done:
            file: WeightFile = done.value
            return file
        finally:
            notes.close()

    def _within_memory(self) -> Generator[Frame, None, Frame]:
        """Attempt the run; if there is not enough memory, once more at a smaller size."""
        why = ""
        asked, smaller = self._size, self._need.smaller(self._size)
        for self._size in filter(None, (asked, smaller)):
            if self._size < asked:
                note = f"not enough memory for {asked} px ({why}): made at {smaller} px instead"
                self._note(note)
                yield Frame(0, 0, note=note)
            try:
                self._foresee()
                return (yield from self._attempt())
            except (OutOfMemory, MemoryError) as error:
                if not getattr(error, "sized", True):
                    raise OutOfMemory(f"{error}: close other programs", sized=False) from error
                why = str(error) or "an allocation failed"
            # This is outside the except block, so that no traceback holds the arrays.
            self._make_room()
        tried = f"{asked} px" + (f", nor for {smaller} px" if smaller else "")
        remedy = self._need.remedy(self._size)
        raise OutOfMemory(f"not enough memory for {tried} ({why}): {remedy}")

    def _foresee(self) -> None:
        """Raise OutOfMemory if the run would need more memory than is free.

        The system would not refuse such an allocation, but kill the process when it is used.
        """
        width, height = self._shape(worked=True)
        once = self.method.work(self.params, width * height)
        self._work = once * max(1, len(self._regions))
        need = self._need.mb(self._size)
        if need > machine.available_mb():
            self._make_room()
        if need > (free := machine.available_mb()):
            raise OutOfMemory(f"it takes about {need:.0f} MB; {free:.0f} MB are free")

    def _make_room(self) -> None:
        """Close idle nets, and free unused memory."""
        self.shared.cache.shrink()
        self._release(thoroughly=True)

    def _release(self, *, thoroughly: bool = False) -> None:
        """Give unused memory back to the system and to the device."""
        self.backend.release()
        memory.release(thoroughly=thoroughly)

    def _shape(self, *, worked: bool = False) -> tuple[int, int]:
        """Width and height of the result, or (`worked`) of the picture that the method makes."""
        base = base_shape(self.method, self._sizes, self._size)
        return result_shape(self.method, self.params, *(workable(*base) if worked else base))

    def _attempt(self) -> Generator[Frame, None, Frame]:
        """Run the method once: yield its previews, and return its final frame."""
        images, content = prepare(self.method, self.pictures, self._size)
        images = self._recoloured(images, content)
        self._content = self._kept(content)
        context = RunContext(
            self._size,
            self.recipe.seed,
            self.files,
            self.backend,
            self.shared.cache,
            self.cancel,
            self._memo,
            self._before,
        )
        frames = self._started_with(images, context)
        final: Frame | None = None
        try:
            while (frame := self._next(frames, context)) is not None:
                if final is not None:
                    raise MethodError(f"{self._who} continued after its final frame")
                if frame.final:
                    final = self._checked(frame)
                    continue
                if frame.images:
                    self._last = frame
                yield self._checked(_reduced(frame))
        finally:
            frames.close()
            self._providers.update(context.providers())
            self._found_mb = context.found_mb
            context.release()
        if final is None:
            raise MethodError(f"{self._who} ended without a final frame")
        return final

    def _started_with(self, images: Images, context: RunContext) -> Generator[Frame, None, None]:
        """The frames of the method, or of its runs for the regions of styles."""
        if not self._regions:
            return self.method.run(images, self.params, context)
        width, height = self._shape(worked=True)
        parts = shares(self._regions, width, height, self.recipe.finish)
        return painted(self.method, images, self.params, context, parts, self._checked)

    def _kept(self, content: Picture | None) -> Picture | None:
        """The first picture, if the result is a new version of it or fills its holes."""
        if content is None or self.method.supports_finish():
            return content
        masked = any(slot.drawn_on == self.method.inputs[0].id for slot in self.method.inputs)
        return content if masked and self._shape() == (content.width, content.height) else None

    def _recoloured(self, images: Images, content: Picture | None) -> Images:
        """The pictures, the styles with the colours of the content if that was asked for."""
        how = self.recipe.finish
        if content is None or not how.keep_colours or how.keep_colours_by != "style":
            return images
        styles = images.get(STYLE, ())
        return {**images, STYLE: tuple(match_colours(one, content.pixels) for one in styles)}

    def _next(self, frames: Generator[Frame, None, None], context: RunContext) -> Frame | None:
        """The next frame of the method, timed; None at the end."""
        context.check()
        started, loading = time.perf_counter(), context.loading
        try:
            return next(frames, None)
        finally:
            self._busy += time.perf_counter() - started - (context.loading - loading)

    @property
    def _who(self) -> str:
        return f"the method {self.method.id!r}"

    def _checked(self, frame: Frame) -> Frame:
        """The frame, with its pictures checked and converted to float32 in [0, 1].

        Raises:
            MethodError: a picture is not valid, or has not the shape of the result.
        """
        images = tuple(map(self.method.picture, frame.images))
        if frame.final and not images:
            raise MethodError(f"the final frame of {self._who} has no picture")
        wanted = self._shape(worked=True) if frame.final else (0, 0)
        for image in images if frame.final else ():
            if image.shape[1::-1] != wanted:
                origin = (
                    "shape() says" if not self.method.supports_finish() else "its first input has"
                )
                raise MethodError(
                    f"{self._who} made {image.shape[1]} × {image.shape[0]} pixels; "
                    f"expected {wanted[0]} × {wanted[1]}, as {origin}"
                )
        return replace(frame, images=images)

    def _finished(self, frame: Frame, watch: memory.Watch, cancelled: bool) -> Frame:
        """The final frame of the engine: the finished pictures and the report."""
        images = tuple(self._in_shape(image) for image in frame.images)
        backend, files = self.backend, list(self.files.values())
        recipe = record.completed(self.recipe, self.params, self._size, backend.name, files)
        said = [frame.note] if frame.note and not cancelled else []
        notes = (*backend.notes, *self._notes, *said, *record.differences(self.recipe, recipe))
        height, width = images[0].shape[:2]
        report = Report(
            method=self.method.id,
            backend=backend.name,
            provider=", ".join(self._providers) or "cpu",
            seconds=time.perf_counter() - self._started,
            peak_rss_mb=watch.peak_mb,
            width=width,
            height=height,
            count=len(images),
            fps=frame.fps,
            steps=frame.step,
            metrics=dict(frame.metrics),
            scores={} if cancelled else self._scores(images),
            weights=tuple(
                {"file": file.display_name, "sha256": file.sha256, "source": file.source}
                for file in files
            ),
            notes=tuple(dict.fromkeys(notes)),
            cancelled=cancelled,
            recipe=recipe,
        )
        made = frame.images[0] if self.method.follows else None
        return replace(frame, images=images, final=True, report=report, unfinished=made)

    def _scores(self, images: Sequence[Pixels]) -> dict[str, float]:
        """The scores, if they are asked for and there are a content, a style and one result."""
        content, styles = (self.pictures.get(slot, ()) for slot in (CONTENT, STYLE))
        if not (self._scored and content and styles and len(images) == 1):
            return {}
        file = WeightFile(ENCODER.arch, Path(ENCODER.file), "", self.backend.name)
        if self.backend.needs_weights:
            file = self.shared.store.file((ENCODER,))
        describe = self.shared.cache.borrow(
            self.backend, file, "describe", lambda: None, self._memo
        )
        try:
            shares = shares_of(
                "style_blend", getattr(self.params, "style_blend", ()), (STYLE,) * len(styles)
            )
            given = [style.pixels for style in styles]
            return scores(describe, images[0][:, :, :3], content[0].pixels, given, shares)
        finally:
            describe.close()

    def _in_shape(self, image: Pixels) -> Pixels:
        """Resize a picture, which may be an early preview, to the result's shape; finish it."""
        given = () if self.method.slots == self.method.inputs else self.pictures.get(MASK, ())
        mask = given[0] if given else None
        whole = resize(image, *self._shape())
        regions = union(self._regions, *self._shape())
        return finish(whole, self._content, self.recipe.finish, mask, regions)

    def _note(self, note: str) -> None:
        if note:
            self._notes.append(note)

    def _observe(self, frame: Frame, watch: memory.Watch) -> None:
        """Record time and memory of this run for later estimates."""
        height, width = frame.images[0].shape[:2]
        if self._busy > 0:
            digest = " ".join(file.sha256 for file in self.files.values())
            megapixels = width * height / 1e6
            added = watch.added_mb + self._found_mb - more_mb(megapixels, len(frame.images))
            single = max(1.0, added) if watch.alone else None
            seen = plan.Observation(megapixels, self._work, self._busy, single)
            self.shared.calibration.observe(self._kind, digest, seen)


def _reduced(frame: Frame) -> Frame:
    """The frame with small copies of its pictures; of large ones, every second or third pixel.

    The method may continue to change the same array, so a copy is needed.  A full copy of a large
    picture at every step would take longer than the step.
    """
    most = _PREVIEW / math.sqrt(max(1, len(frame.images)))
    return replace(frame, images=tuple(_preview(image, most) for image in frame.images))


def _preview(image: Pixels, most: float) -> Pixels:
    """A copy of a picture with at most `most` pixels per side."""
    every = max(1, math.ceil(max(image.shape[:2]) / most))
    return image[::every, ::every].copy()
