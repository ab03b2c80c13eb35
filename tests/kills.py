"""Kill a grid at random moments until it is done: `python kills.py FOLDER KILLS [SHARD]`."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

from samples import Sample

from styleplug.engine import Engine
from styleplug.engine.grid import run_grid
from styleplug.engine.grid_request import files_in, grid_of
from styleplug.engine.plan import Calibration
from styleplug.engine.shard import Shard
from styleplug.methods import Catalogue


def run(folder: Path, shard: Shard) -> None:
    """The whole grid, or what is left of it."""
    engine = Engine(Catalogue({"sample": Sample()}, {}), calibration=Calibration(folder / "c.json"))
    over = {"seed": range(8), "noise": (0.2, 0.8)}
    content = {"content": files_in([folder / "photos"])}
    grid = grid_of(engine.catalogue, "sample", content, over, {"size": 96, "backend": "fake"})
    names = "{content}/{seed}-{noise}.png"
    for _ in run_grid(grid, engine, folder=folder / "out", names=names, shard=shard):
        pass


def main(folder: Path, kills: int, shard: str = "") -> None:
    """Kill as often, then let it end."""
    rng, done = random.Random(0), 0
    while True:
        child = os.fork()
        if child == 0:
            run(folder, Shard.of(shard))
            os._exit(0)
        if done < kills:
            time.sleep(rng.uniform(0.01, 0.25))
            os.kill(child, signal.SIGKILL)
            done += 1
        _, status = os.waitpid(child, 0)
        if done == kills and os.WIFEXITED(status):
            sys.exit(os.WEXITSTATUS(status))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
