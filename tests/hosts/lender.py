"""The service that lends graphics cards on ZeroGPU, on 127.0.0.1: import this before torch.

The package `spaces` is the real one, and the card itself is left out.  `python lender.py APP`
runs the program of a Space.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ASKED: list[str] = []
QUOTA = threading.Event()


class Lender(BaseHTTPRequestHandler):
    """Lends a card whenever it is asked, unless the quota is used up."""

    def do_POST(self) -> None:  # noqa: N802 the standard library's name
        ASKED.append(self.path)
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, answer = 200, {}
        if self.path.startswith("/schedule") and QUOTA.is_set():
            status, answer = 429, {"left": 0, "wait": 3600}
        elif self.path.startswith("/schedule"):
            before = sum(path.startswith("/schedule") for path in ASKED[:-1])
            answer = {"idle": before > 0, "nvidiaIndex": 0, "nvidiaUUID": "GPU", "allowToken": "t"}
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


service = ThreadingHTTPServer(("127.0.0.1", 0), Lender)
threading.Thread(target=service.serve_forever, daemon=True).start()
with tempfile.NamedTemporaryFile("w", suffix=".cgroup", delete=False) as cgroup:
    cgroup.write("0::/kubepods/pod/x\n")
os.environ |= {
    "SPACES_ZERO_GPU": "1",
    "SPACES_ZERO_DEVICE_API_URL": f"http://127.0.0.1:{service.server_port}",
    "ZEROGPU_PROC_SELF_CGROUP_PATH": cgroup.name,
}

import spaces.zero.torch  # noqa: E402 the variables come first

STUBS = {"init": lambda uuid: None, "size": lambda: 0, "move": lambda callback=None: None}
for name, stub in STUBS.items():
    setattr(spaces.zero.torch, name, stub)

if __name__ == "__main__":
    sys.path[0] = str(Path(sys.argv[1]).parent)
    runpy.run_path(sys.argv[1], run_name="__main__")
