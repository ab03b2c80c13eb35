"""A ZeroGPU Space on this machine, run by test_zerogpu.py: prints what its runs did, as JSON.

lender.py stands for the service that lends cards.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import threading
from pathlib import Path
from typing import Any

from lender import ASKED, QUOTA  # before torch

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]
from conftest import make_photo  # noqa: E402
from serve import Blend, Crash  # noqa: E402

from styleplug.cli.page import _engine  # noqa: E402
from styleplug.core.frame import Frame  # noqa: E402
from styleplug.core.method import Context, Images  # noqa: E402
from styleplug.core.recipe import Recipe  # noqa: E402
from styleplug.engine import shared  # noqa: E402
from styleplug.methods import Catalogue, admit  # noqa: E402
from styleplug.ui.errors import sentence  # noqa: E402
from styleplug.ui.page import build  # noqa: E402


class Where(Blend):
    """Says which process paints."""

    id = "where"

    def run(self, images: Images, params: Any, ctx: Context) -> Any:
        for frame in super().run(images, params, ctx):
            told = f"{os.getpid()}"
            yield Frame(frame.step, frame.steps, frame.images, told, {}, frame.final)


def go(name: str, stop_at: int = 0, **settings: Any) -> None:
    """Run once and print what happened."""
    photo = make_photo(96, 64)
    steps = 60 if stop_at else 3
    parameters = {"steps": steps, "pause": 0.05 if stop_at else 0.0}
    method = "crash" if name == "error" else "where"
    recipe = Recipe(method=method, size=64, parameters=parameters, **settings)
    cancel, told = threading.Event(), {"run": name, "frames": 0, "workers": []}
    try:
        frames = engine.run(recipe, {"content": [photo], "style": [photo]}, cancel)
        for frame in frames:
            told["frames"] += 1
            if frame.note.isdecimal() and frame.note not in told["workers"]:
                told["workers"].append(frame.note)
            if stop_at and frame.step == stop_at:
                cancel.set()
        told |= {"cancelled": frame.report.cancelled, "steps": frame.step,
                 "provider": frame.report.provider}  # fmt: skip
    except Exception as error:
        told |= {"error": type(error).__name__, "en": sentence(error, "en")}
        told |= {"zh": sentence(error, "zh")}
    print(json.dumps(told), flush=True)


engine = _engine(())
methods = {one.id: one for one in (Where(), Crash())}
for one in methods.values():
    admit(one)
engine.catalogue = shared().catalogue = Catalogue(methods, {})
print(json.dumps({"run": "page", "threads": build(engine).max_threads}), flush=True)
go("first")
go("second")
go("stop", stop_at=4)
go("error")
QUOTA.set()
go("quota")
go("cpu", device="cpu")
print(json.dumps({"main": os.getpid(), "asked": ASKED}), flush=True)
for worker in multiprocessing.active_children():
    worker.kill()
os._exit(0)
