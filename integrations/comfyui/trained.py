"""Weights that a user trained: folders in `models/styleplug` of the host, or in STYLEPLUG_RUNS."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import folder_paths

from styleplug.core.errors import StyleplugError
from styleplug.core.method import Method
from styleplug.engine import shared
from styleplug.store.trained import MODEL

OWN = "(those of the method)"
_FOLDER = "styleplug"


def add_folder() -> None:
    """Tell the host where results of `styleplug train` are."""
    folder_paths.add_model_folder_path(_FOLDER, os.path.join(folder_paths.models_dir, _FOLDER))


def names(method: Method[Any]) -> list[str]:
    """The names of the training results that a method can use; damaged ones are left out."""
    engine = shared()
    for folder in folder_paths.get_folder_paths(_FOLDER):
        for model in sorted(Path(folder).glob(f"*/{MODEL}")):
            try:
                engine.add_trained(model.parent)
            except StyleplugError as error:
                logging.warning("styleplug: %s", error)
    try:
        return list(engine.trained_for(method))
    except StyleplugError as error:
        logging.warning("styleplug: %s", error)
        return []
