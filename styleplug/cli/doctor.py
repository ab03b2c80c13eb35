"""`styleplug doctor`: what works on this machine, what does not, and what to do about it."""

from __future__ import annotations

import os
import platform
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from styleplug.cli.console import ERR, print_json, print_table
from styleplug.cli.options import Json
from styleplug.core.errors import StyleplugError
from styleplug.system import machine
from styleplug.system.extras import EXTRAS, install
from styleplug.system.version import VERSION

TRIED = "cnn"  # the method that shows whether a backend works; its weights come with styleplug
_SIZE = 128
_SCARCE_MB = 1024  # less free memory than this is a warning
PORT = 7860  # where the page is served by default
_RUNTIMES = ("onnxruntime-gpu", "onnxruntime")  # two packages with one import name


@dataclass(frozen=True)
class Finding:
    """One thing that was checked.

    Args:
        subject: what was checked.
        state: "failed" if a part of styleplug cannot work, "note" if that part is optional.
        found: what was found.
        remedy: what to do; "" if there is nothing to do.
    """

    subject: str
    state: Literal["ok", "note", "failed"]
    found: str
    remedy: str = ""


def doctor_command(json: Json = False) -> None:
    """Check this installation: packages, backends, weights, plug-ins, memory, folders, the port.

    Each backend paints a small picture on each of its devices. Exit status 1 if something failed.
    """
    findings = []
    with ERR.status("checking"):
        for finding in examine():
            findings.append(finding)
    if json:
        print_json([asdict(finding) for finding in findings])
    else:
        rows = [(one.state, one.subject, one.found, one.remedy) for one in findings]
        print_table(("state", "subject", "found", "what to do"), rows)
    if any(finding.state == "failed" for finding in findings):
        sys.exit(1)


def examine() -> Iterator[Finding]:
    """Check everything, the quickest things first."""
    yield Finding("styleplug", "ok", f"{VERSION}, in {Path(__file__).parents[1]}")
    yield Finding("Python", "ok", f"{platform.python_version()}, {platform.platform()}")
    yield from _packages()
    yield from _machine()
    yield _port()
    yield from _plugins()
    yield from _weights()
    yield from _backends()


def _packages() -> Iterator[Finding]:
    """Installed versions; a missing package names the extra that contains it."""
    for extra, names in EXTRAS.items():
        found = {name: _version(name) for name in names}
        if absent := [name for name in names if not found[name]]:
            remedy = install(extra).replace("`", "")
            yield Finding(f"extra {extra}", "note", f"{', '.join(absent)}: not installed", remedy)
        else:
            versions = ", ".join(f"{name} {number}" for name, number in found.items())
            yield Finding(f"extra {extra}", "ok", versions)
    if all(map(_installed, _RUNTIMES)):
        yield Finding(
            "ONNX Runtime",
            "failed",
            "onnxruntime and onnxruntime-gpu are both installed; they overwrite each other",
            "pip uninstall onnxruntime onnxruntime-gpu, then install one of them",
        )


def _version(name: str) -> str:
    """The version of the package with this import name; "" if it is not installed."""
    packages = _RUNTIMES if name == "onnxruntime" else (name.replace("_", "-"),)
    return next(filter(None, map(_installed, packages)), "")


def _installed(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""


def _machine() -> Iterator[Finding]:
    """Processors, free memory, and the folders that styleplug writes to."""
    from styleplug.store import Store

    free = machine.available_mb()
    yield Finding("processors", "ok", f"{machine.processors()} can be used")
    scarce = "close other programs, or choose a small size" if free < _SCARCE_MB else ""
    yield Finding("memory", "note" if scarce else "ok", f"{free:.0f} MB are free", scarce)
    folder = Store().cache()
    above = next(one for one in (folder, *folder.parents) if one.exists())
    if os.access(above, os.W_OK):
        held = sum(one.stat().st_size for one in folder.rglob("*") if one.is_file())
        yield Finding("cache of weights", "ok", f"{folder}: {held / 1e6:.0f} MB")
        return
    yield Finding(
        "cache of weights",
        "note",
        f"{folder} cannot be written",
        "set HF_HOME to a folder of yours; until then, only the weights that come with styleplug "
        "are used",
    )


def _port() -> Finding:
    """Whether the default port of the page is free."""
    try:
        socket.create_server(("127.0.0.1", PORT)).close()
    except OSError as error:
        return Finding(
            "port of the page",
            "note",
            f"{PORT} is in use ({error.strerror})",
            "nothing: `styleplug app` takes the next free one; or choose one with --port",
        )
    return Finding("port of the page", "ok", f"{PORT} is free")


def _plugins() -> Iterator[Finding]:
    """The methods, and the plug-ins that were refused."""
    from styleplug.methods import catalogue

    found = catalogue()
    yield Finding("methods", "ok", ", ".join(found.methods))
    for name, why in found.broken.items():
        yield Finding(f"plug-in {name}", "failed", why, "ask its author, or uninstall it")


def _weights() -> Iterator[Finding]:
    """Whether the digests of the weights are right."""
    from styleplug.store import Store

    rows = Store().verify()
    for row in rows:
        if not row["ok"]:
            remedy = "install styleplug again, or delete the file if it was downloaded"
            yield Finding(f"weights {row['file']}", "failed", str(row["why"]), remedy)
    right = sum(bool(row["ok"]) for row in rows)
    yield Finding("weights", "ok", f"the digests of {right} files are right")


def _backends() -> Iterator[Finding]:
    """Paint a picture on every device of every backend."""
    from styleplug.backends.choose import usable

    works = False
    for name, devices in usable().items():
        if isinstance(devices, str):
            yield Finding(f"backend {name}", "note", devices)
            continue
        for device in devices:
            finding = painted(name, device)
            works = works or finding.state == "ok"
            yield finding
    if not works:
        remedy = f"{install('onnx')} or {install('torch')}".replace("`", "")
        yield Finding("backends", "failed", "none can paint a picture", remedy)


def painted(backend: str, device: str) -> Finding:
    """Paint one picture."""
    from styleplug.engine import shared
    from styleplug.engine.request import pictures_of, recipe_of
    from styleplug.swatches import SWATCHES

    engine = shared()
    method = engine.catalogue.get(TRIED)
    picture = next(iter(SWATCHES.values())).paint()
    pictures = pictures_of(method, _SIZE, {slot.id: [picture] for slot in method.inputs})
    recipe = recipe_of(method, {"size": _SIZE, "backend": backend, "device": device})
    started = time.monotonic()
    try:
        *_, last = engine.run(recipe, pictures)
    except StyleplugError as error:
        return Finding(f"backend {backend}, {device}", "failed", str(error))
    seconds = time.monotonic() - started
    report = last.report
    assert report is not None, "the engine's final frame carries its report"
    if report.notes:
        return Finding(f"backend {backend}, {device}", "note", "; ".join(report.notes))
    found = f"{report.provider}: {_SIZE} px in {seconds:.1f} s, with the start"
    return Finding(f"backend {backend}, {device}", "ok", found)
