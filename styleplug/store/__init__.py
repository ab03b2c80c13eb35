"""The store: resolves a weight source to a verified local file.

Every file is checked by sha256 before it is used.  Sources are tried in order of preference.  If
the first one cannot be used, a note says why.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

from styleplug.core.errors import DigestMismatch, HubUnavailable, WeightError
from styleplug.core.weight import Embedded, Hub, Local, WeightFile, WeightSource
from styleplug.store import cache, header, hub
from styleplug.store.files import Digests, size_of
from styleplug.store.graphs import GRAPHS, graph, read_graphs
from styleplug.store.manifest import MANIFEST, Weight, read_manifest, weights_folder
from styleplug.store.trained import Trained, expect_tensors, named_by_environment, read_trained
from styleplug.store.watch import watched
from styleplug.system.files import at_home

__all__ = ["Store", "graph", "weights_folder"]


class Store:
    """Resolves weight sources; several threads may share one.

    Args:
        weights_folder: the folder of the embedded weights; None for that of styleplug.
        cache_folder: the folder for files of the Hub; None for `styleplug` in HF_HOME.
    """

    def __init__(
        self, weights_folder: Path | None = None, cache_folder: Path | None = None
    ) -> None:
        self._weights_folder = weights_folder
        self._cache_folder = cache_folder
        self._digests = Digests()
        self._trained: dict[str, Trained] | None = None

    @property
    def trained(self) -> dict[str, Trained]:
        """Training results by name: those of `STYLEPLUG_RUNS`, and those that were added.

        Raises:
            WeightError: `STYLEPLUG_RUNS` is not a folder, or contains a damaged result.
        """
        if self._trained is None:
            self._trained = {one.name: one for one in named_by_environment()}
        return dict(self._trained)

    def add_trained(self, folder: Path) -> Trained:
        """Add a training result; it replaces another one with the same name.

        Raises:
            UsageError: the folder does not contain one.
            WeightError: the result cannot be used.
        """
        found = read_trained(folder)
        self._trained = self.trained | {found.name: found}
        return found

    def forget_trained(self, name: str) -> None:
        """Forget a training result; its files are not touched."""
        self._trained = {key: one for key, one in self.trained.items() if key != name}

    def resolve(self, sources: tuple[WeightSource, ...]) -> Generator[str, None, WeightFile]:
        """Find the first source that can be used: `file = yield from store.resolve(sources)`.

        Args:
            sources: in order of preference.

        Yields:
            Progress, for example "downloading vgg19 41 of 80 MB", about five times a second.
            Closing the generator stops the download.

        Returns:
            The verified file; if it is not from the first source, its `note` says why.

        Raises:
            WeightError: no source can be used; the message gives the reasons.
        """
        failed: list[WeightError] = []
        for source in sources:
            try:
                file = yield from self._find(source)
            except WeightError as error:
                failed.append(error)
                continue
            if not failed:
                return file
            why = "; ".join(map(str, failed))
            note = f"{why[0].upper()}{why[1:]}; using {self._name(source)} instead"
            return replace(file, note=note)
        if len(failed) == 1:
            raise failed[0]
        raise WeightError("; ".join(map(str, failed)) or "no source of weights is declared")

    def file(self, sources: tuple[WeightSource, ...]) -> WeightFile:
        """Like `resolve`, but without progress."""
        resolving = self.resolve(sources)
        while True:
            try:
                next(resolving)
            except StopIteration as done:
                found: WeightFile = done.value
                return found

    def listing(self) -> list[dict[str, Any]]:
        """Rows on the embedded weights and those of the Hub: file, source, licence and more."""
        folder = self._embedded_folder()
        rows = [
            {"path": str(folder / weight.file), "present": (folder / weight.file).is_file()}
            | weight.model_dump(exclude={"source"})
            | {"source": "embedded", "origin": weight.source}
            for weight in read_manifest(folder).values()
        ]
        for path, pin in cache.listed(self.cache()):
            row = pin.model_dump(include={"file", "arch", "sha256", "size", "licence"})
            origin = {"source": f"hub {pin.repo}@{pin.commit}", "title": pin.arch}
            rows.append({"path": str(path), "present": path.is_file()} | row | origin)
        return rows

    def verify(self) -> list[dict[str, Any]]:
        """Read and check every file; rows have file, ok, sha256, expected, and why if not ok."""
        folder = self._embedded_folder()
        listed = read_manifest(folder)
        expected = {folder / name: weight.sha256 for name, weight in listed.items()}
        expected |= {path: pin.sha256 or "" for path, pin in cache.listed(self.cache())}
        expected |= {folder / name: one.sha256 for name, one in read_graphs(folder).items()}
        strangers = [p for kind in ("safetensors", "onnx") for p in folder.rglob(f"*.{kind}")]
        expected = dict.fromkeys(strangers, "") | expected
        return [self._verdict(path, sha256) for path, sha256 in expected.items()]

    def _find(self, source: WeightSource) -> Generator[str, None, WeightFile]:
        """Resolve one source."""
        match source:
            case Embedded():
                return self._embedded(source)
            case Local():
                return self._local(source)
            case Hub():
                return (yield from self._hub(source))

    def _embedded(self, source: Embedded) -> WeightFile:
        weight = self._weight(source)
        path = self._embedded_folder() / weight.file
        remedy = "install styleplug again"
        if not path.exists():
            raise WeightError(f"the embedded weight file {path.name} is missing; {remedy}")
        if (size := size_of(path)) != weight.size:
            raise DigestMismatch(
                f"{path.name} has {size} bytes, expected {weight.size} (sha256 {weight.sha256}): "
                f"it is damaged or another file; {remedy}"
            )
        self._digests.expect(path, weight.sha256, remedy)
        return WeightFile(source.arch, path, weight.sha256, "embedded")

    def _local(self, source: Local) -> WeightFile:
        path = at_home(source.path).resolve()
        sha256 = self._digests.of(path)
        if source.sha256:
            self._digests.expect(path, source.sha256, "name the right file, or its digest")
        if path.suffix != ".onnx":
            header.read(path)
            self._expect_like_embedded(path, source.arch)
        return WeightFile(source.arch, path, sha256, "local", name=source.name)

    def _expect_like_embedded(self, path: Path, arch: str) -> None:
        """Compare with the embedded weights of the architecture, if there are any."""
        folder = self._embedded_folder()
        for weight in read_manifest(folder).values():
            if weight.arch == arch and (folder / weight.file).is_file():
                expect_tensors(path, folder / weight.file, arch)

    def _hub(self, source: Hub) -> Generator[str, None, WeightFile]:
        entry = cache.Entry(source, self.cache(), self._digests)
        damage = ""
        try:
            if file := entry.ready():
                return file
        except DigestMismatch as error:
            damage = str(error)
        try:
            return (yield from watched(entry.fetch))
        except WeightError as error:
            hub.failures.note(source, error)
            if damage and isinstance(error, HubUnavailable):
                raise DigestMismatch(f"{damage}; {error}") from error
            raise

    def _weight(self, source: Embedded) -> Weight:
        """The entry of an embedded file in the manifest."""
        folder = self._embedded_folder()
        listed = read_manifest(folder)
        if source.file not in listed:
            raise WeightError(
                f"{source.file!r} is not listed in {MANIFEST}; "
                f"listed are: {', '.join(listed) or 'none'}"
            )
        if listed[source.file].arch != source.arch:
            raise WeightError(
                f"{source.file} is for {listed[source.file].arch}, expected {source.arch}"
            )
        return listed[source.file]

    def _name(self, source: WeightSource) -> str:
        """The name of a source, for messages."""
        match source:
            case Embedded():
                return f"the embedded {self._weight(source).title}"
            case Local():
                return f"the file {source.path.name}"
            case Hub():
                return f"{source.repo} from the Hub"

    def _verdict(self, path: Path, expected: str) -> dict[str, Any]:
        """A row of `verify`."""
        try:
            found, why = self._digests.of(path, anew=True), ""
        except WeightError as error:
            found, why = "", str(error)
        ok = bool(expected) and found == expected
        if found and not ok:
            why = "damaged or another file" if expected else f"not listed in {MANIFEST} or {GRAPHS}"
        return {"file": str(path), "ok": ok, "sha256": found, "expected": expected, "why": why}

    def _embedded_folder(self) -> Path:
        return self._weights_folder or weights_folder()

    def cache(self) -> Path:
        """The folder of files from the Hub."""
        return self._cache_folder or hub.home() / "styleplug"
