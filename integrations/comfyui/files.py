"""Nodes that read a recipe from a picture, and save pictures with their recipe."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import folder_paths
import numpy as np
import torch
from comfy.cli_args import args
from comfy_api.latest import io
from PIL import Image, PngImagePlugin

from styleplug.core.recipe import Recipe
from styleplug.engine.request import recipe_in
from styleplug.imaging.metadata import save_options

from .inputs import RECIPE
from .method import CATEGORY


class ReadRecipe(io.ComfyNode):
    """Reads the recipe in a picture of the input folder."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """See `io.ComfyNode`."""
        folder = Path(folder_paths.get_input_directory())
        found = (
            sorted(one.name for one in folder.iterdir() if one.is_file()) if folder.is_dir() else []
        )
        return io.Schema(
            node_id="styleplug_read_recipe",
            display_name="Read recipe (styleplug)",
            category=CATEGORY,
            description="Reads the recipe that styleplug stored in a picture.",
            inputs=[
                io.Combo.Input(
                    "image",
                    found,
                    upload=io.UploadType.image,
                    image_folder=io.FolderType.input,
                    tooltip="A picture made by styleplug, or a recipe as a JSON file.",
                )
            ],
            outputs=[io.String.Output(display_name=RECIPE)],
        )

    @classmethod
    def execute(cls, image: str) -> io.NodeOutput:
        """See `io.ComfyNode`."""
        return io.NodeOutput(recipe_in(_path(image)).to_json())

    @classmethod
    def validate_inputs(cls, image: str) -> bool | str:
        """A sentence if the file is missing."""
        return os.path.isfile(_path(image)) or f"the input folder has no file {image!r}"

    @classmethod
    def fingerprint_inputs(cls, image: str) -> float:
        """Changes with the file, so that the host reads it again."""
        return os.path.getmtime(_path(image))


class SavePicture(io.ComfyNode):
    """Saves pictures as PNG, each with the recipe and the workflow."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """See `io.ComfyNode`."""
        return io.Schema(
            node_id="styleplug_save",
            display_name="Save with recipe (styleplug)",
            category=CATEGORY,
            description="Saves each picture as PNG with its recipe, which styleplug reads again.",
            inputs=[
                io.Image.Input("images"),
                io.String.Input(RECIPE, force_input=True, tooltip="The recipe of these pictures."),
                io.String.Input(
                    "filename_prefix",
                    default="styleplug",
                    tooltip="Start of the file names; it may name a sub-folder.",
                ),
            ],
            hidden=[io.Hidden.prompt, io.Hidden.extra_pnginfo],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, images: torch.Tensor, recipe: str, filename_prefix: str) -> io.NodeOutput:
        """See `io.ComfyNode`."""
        whole = images.detach().to("cpu", torch.float32).clamp(0, 1).numpy()
        height, width = whole.shape[1:3]
        folder, name, counter, subfolder, _ = folder_paths.get_save_image_path(
            filename_prefix, folder_paths.get_output_directory(), width, height
        )
        saved = []
        for number, pixels in enumerate(whole):
            file = f"{name.replace('%batch_num%', str(number))}_{counter + number:05}_.png"
            picture = Image.fromarray(np.rint(pixels * 255).astype(np.uint8))
            picture.save(os.path.join(folder, file), pnginfo=cls._texts(recipe))
            saved.append({"filename": file, "subfolder": subfolder, "type": "output"})
        return io.NodeOutput(ui={"images": saved})

    @classmethod
    def _texts(cls, recipe: str) -> PngImagePlugin.PngInfo:
        """The recipe, checked, and what the host's own node stores."""
        checked = Recipe.from_json(recipe).to_json()
        texts: PngImagePlugin.PngInfo = save_options("PNG", checked, None)["pnginfo"]
        if cls.hidden is not None and not args.disable_metadata:
            stored: dict[str, Any] = {"prompt": cls.hidden.prompt}
            stored |= cls.hidden.extra_pnginfo or {}
            for key, value in stored.items():
                if value is not None:
                    texts.add_text(key, json.dumps(value))
        return texts


def _path(image: str) -> Path:
    """The file that a choice of the host names."""
    return Path(folder_paths.get_annotated_filepath(image))
