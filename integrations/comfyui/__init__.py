"""styleplug's methods as ComfyUI nodes.

ComfyUI loads this folder from `custom_nodes`.  Every node is derived from the declaration of its
method, so a method that is added to styleplug, or by a plug-in, is a node after a restart.
"""

from __future__ import annotations

import logging

from comfy_api.latest import ComfyExtension, io

from styleplug.engine import shared

from .files import ReadRecipe, SavePicture
from .method import node_of
from .trained import add_folder


class Styleplug(ComfyExtension):
    """All nodes of this pack."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        """One node for each method, and those for recipes in files."""
        catalogue = shared().catalogue
        for name, why in catalogue.broken.items():
            logging.warning("styleplug: the method %s cannot be used: %s", name, why)
        return [*map(node_of, catalogue.methods.values()), ReadRecipe, SavePicture]


async def comfy_entrypoint() -> Styleplug:
    """What ComfyUI calls once, at its start."""
    add_folder()
    return Styleplug()
