"""A page that is visited once and then left alone: `python tests/lonely.py PORT`.

It prints a line when the visit is over.
"""

import io
import sys
import time

import httpx
import numpy as np

import styleplug
from styleplug.core.recipe import Recipe
from styleplug.engine import shared
from styleplug.imaging import encode
from styleplug.ui import page


def visit(url: str) -> str:
    """Look at the page, and have a picture painted."""
    with httpx.Client(base_url=url, timeout=60) as visitor:
        for path in ("", "config", "theme.css", "gradio_api/info", "gradio_api/startup-events"):
            visitor.get(path).raise_for_status()
        picture = encode(np.random.default_rng(0).random((64, 64, 3), np.float32))
        sent = {"files": ("a.png", io.BytesIO(picture))}
        (path,) = visitor.post("gradio_api/upload", files=sent).json()
        file = {"path": path, "meta": {"_type": "gradio.FileData"}}
        call = {"content": file, "style": file, "size": 64, "backend": "onnx"}
        called = "gradio_api/call/v2/cnn"
        event = visitor.post(called, json=call).json()["event_id"]
        return visitor.get(f"{called}/{event}").text


if __name__ == "__main__":
    page.build()
    if early := {"torch", "onnxruntime"} & sys.modules.keys():
        sys.exit(f"the page loads {early}, and nobody has asked for a picture")
    said = visit(page.launch("127.0.0.1", int(sys.argv[1]), block=False))
    for name in styleplug.methods():
        shared().plan(Recipe(method=name), {"content": [(64, 64)]})
    styleplug.generate("dcgan", count=1, backend="onnx")
    print("painted" if "event: complete" in said else said, flush=True)
    time.sleep(600)
