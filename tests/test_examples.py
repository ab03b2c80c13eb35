"""The examples in docstrings run, and give what they show."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest
from conftest import make_photo

import styleplug
from styleplug.imaging import write

HOUSE = Path(__file__).parents[1]
MODULES = [
    ".".join(file.relative_to(HOUSE).with_suffix("").parts).removesuffix(".__init__")
    for file in sorted((HOUSE / "styleplug").rglob("*.py"))
    if ">>> " in file.read_text("utf-8")
]


@pytest.mark.slow
@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples_run(name, tmp_path, monkeypatch):
    """In a folder with the pictures that they name."""
    monkeypatch.chdir(tmp_path)
    write(make_photo(96, 72), tmp_path / "photo.jpg")
    write(make_photo(96, 72, seed=1), tmp_path / "painting.jpg")
    found = doctest.testmod(importlib.import_module(name), extraglobs={"styleplug": styleplug})
    assert found.attempted and not found.failed


@pytest.mark.parametrize("function", [styleplug.stylize, styleplug.generate, styleplug.run])
def test_public_function_shows_example(function):
    assert ">>> " in function.__doc__
