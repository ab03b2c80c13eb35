"""Many visitors at once: does each get only their own pictures, and does memory stay flat?

    python benchmarks/visitors.py [--visitors 100] [--runs 1000] [--minutes 60]
                                   [--size 64] [--method cnn]

Method: `styleplug app` is started in a process of its own.  Each visitor has a picture of random
colours in 8 × 8 areas, uploads it and its mirror image as style, calls the endpoint of the method,
follows the events, downloads the result, and begins again.  A result belongs to the visitor whose
picture is nearest to it, by the mean colours of the areas.  `memory` is the resident memory of the
server when so many runs have ended.  After so many minutes no visitor begins again.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
import psutil
import typer
from PIL import Image

AREAS = 8
PATIENCE = 900.0  # seconds for one answer


@dataclass
class Load:
    """What is measured.

    Args:
        areas: mean colours of the picture of each visitor (visitors 8 8 3).
    """

    areas: np.ndarray
    size: int
    method: str
    server: psutil.Process
    left: int = 0
    until: float = 0.0  # by time.monotonic
    outcomes: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    memory: dict[int, float] = field(default_factory=dict)

    async def visit(self, client: httpx.AsyncClient, number: int) -> None:
        """One visitor, until no run is left."""
        picture = Image.fromarray(self.areas[number]).resize((128, 128), Image.Resampling.NEAREST)
        while self.left > 0 and time.monotonic() < self.until:
            self.left -= 1
            began = time.monotonic()
            try:
                result = await self._run(client, picture)
            except (httpx.HTTPError, RuntimeError) as error:
                self.outcomes[f"{type(error).__name__}: {str(error)[:80]}"] += 1
            else:
                whose = self._owner(result)
                self.outcomes["own" if whose == number else "of another visitor"] += 1
                self.seconds.append(time.monotonic() - began)
            ended = self.outcomes.total()
            if ended in (1, 100) or ended % 500 == 0:
                self.weigh()

    def weigh(self) -> None:
        """Note the memory of the server."""
        self.memory[self.outcomes.total()] = self.server.memory_info().rss / 1e6

    async def _run(self, client: httpx.AsyncClient, picture: Image.Image) -> Image.Image:
        files = [("files", (name, _png(one))) for name, one in
                 (("content.png", picture), ("style.png", picture.transpose(0)))]  # fmt: skip
        paths = (await client.post("gradio_api/upload", files=files)).raise_for_status().json()
        content, style = ({"path": path, "meta": {"_type": "gradio.FileData"}} for path in paths)
        call = f"gradio_api/call/v2/{self.method}"
        body = {"content": content, "style": style, "size": self.size, "strength": 0.5}
        event = (await client.post(call, json=body)).raise_for_status().json()["event_id"]
        kind = ""
        async with client.stream("GET", f"{call}/{event}") as events:
            async for line in events.aiter_lines():
                key, _, value = line.partition(": ")
                kind = value if key == "event" else kind
                if key == "data" and kind == "error":
                    raise RuntimeError(value)
                if key == "data" and kind == "complete":
                    path = json.loads(value)[0]["path"]
                    break
            else:
                raise RuntimeError("the events ended without a result")
        data = (await client.get(f"gradio_api/file={path}")).raise_for_status().content
        return Image.open(io.BytesIO(data)).convert("RGB")

    def _owner(self, result: Image.Image) -> int:
        """Whose picture is nearest to a result."""
        found = np.asarray(result.resize((AREAS, AREAS), Image.Resampling.BOX), float)
        return int(np.abs(self.areas - found).mean((1, 2, 3)).argmin())


def _png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def _port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _measure(load: Load, url: str, visitors: int) -> None:
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE, limits=limits) as client:
        await asyncio.gather(*(load.visit(client, number) for number in range(visitors)))


def main(
    visitors: int = 100, runs: int = 1000, minutes: float = 60, size: int = 64, method: str = "cnn"
) -> None:
    """Measure, and print tables."""
    port = _port()
    url = f"http://127.0.0.1:{port}/"
    command = [sys.executable, "-m", "styleplug", "app", "--port", str(port)]
    root = Path(__file__).parents[1]
    with subprocess.Popen(command, cwd=root, env={**os.environ, "PYTHONPATH": str(root)}) as server:
        try:
            while True:
                time.sleep(0.5)
                try:
                    httpx.get(f"{url}health").raise_for_status()
                    break
                except httpx.HTTPError:
                    if server.poll() is not None:
                        raise
            areas = np.random.default_rng(0).integers(0, 256, (visitors, AREAS, AREAS, 3), np.uint8)
            load = Load(areas, size, method, psutil.Process(server.pid), left=runs)
            began = time.monotonic()
            load.until = began + minutes * 60
            asyncio.run(_measure(load, url, visitors))
            took = time.monotonic() - began
            load.weigh()
        finally:
            server.terminate()
    print(f"{visitors} visitors at once, {load.outcomes.total()} runs in {took:.0f} s, "
          f"{load.outcomes.total() / took:.1f} runs a second")  # fmt: skip
    for outcome, count in load.outcomes.most_common():
        print(f"- {count} × {outcome}")
    quick, slow = statistics.median(load.seconds), statistics.quantiles(load.seconds, n=20)[-1]
    print(f"\nseconds from upload to result: median {quick:.1f}, 95 of 100 below {slow:.1f}, "
          f"longest {max(load.seconds):.1f}\n")  # fmt: skip
    print("| runs | memory |\n| --- | --- |")
    for ended, megabytes in load.memory.items():
        print(f"| {ended} | {megabytes:.0f} MB |")


if __name__ == "__main__":
    typer.run(main)
