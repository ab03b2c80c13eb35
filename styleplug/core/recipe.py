"""A recipe: all that is needed to make a picture again, except for the input pictures."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, ValidationInfo, field_validator

from styleplug.core.errors import BadRecipe, first_problem
from styleplug.core.params import Params, bounds_of, field

LARGEST = 8192
"""Longest side of a result, and of a picture that is read, in pixels."""
DEVICES = {"auto": "automatic", "cpu": "processor", "cuda": "NVIDIA card", "mps": "Apple GPU"}
"""Labels of devices."""


class Finish(Params):
    """What the engine does to the result of every method (`styleplug.engine.finish`)."""

    strength: float = field(
        1.0,
        ge=0.0,
        le=1.0,
        step=0.05,
        label="Strength",
        help="1 shows only the result, 0 only the content; values between blend the two.",
        advanced=True,
    )
    keep_colours: bool = field(
        False,
        label="Keep colours",
        help="Keep the colours of the content.",
    )
    keep_colours_by: Literal["luma", "result", "style"] = field(
        "luma",
        label="Keep colours by",
        help="How colours are kept. Brightness: take only the brightness from the result. Result: "
        "give the result the mean colour and the covariance of the content. Style: give them to "
        "the style pictures before painting.",
        words={"luma": "Brightness", "result": "Result", "style": "Style"},
        advanced=True,
    )
    mask_feather: float = field(
        0.01,
        ge=0.0,
        le=0.25,
        step=0.01,
        label="Soft border",
        help="Width of the soft border inside the mask, as a share of the long side.",
        advanced=True,
    )
    mask_invert: bool = field(
        False,
        label="Invert the mask",
        help="Paint outside the mask instead.",
        advanced=True,
    )


class Settings(Params):
    """Settings of the engine, for all methods."""

    size: int = field(
        512,
        ge=64,
        le=LARGEST,
        step=16,
        unit="px",
        label="Size",
        help="Long side of the result. A size twice as large takes about four times as long.",
    )
    enlarge: Literal["1", "2", "4"] = field(
        "1",
        label="Enlarge the result",
        help="Enlarge the finished picture by the network of the method `enhance`. Brush strokes "
        "become larger, too. With slow methods this takes less time than a larger size.",
        words={"1": "No", "2": "Twice", "4": "Four times"},
        advanced=True,
    )
    seed: int = field(
        0,
        ge=0,
        le=2**31 - 1,
        label="Seed",
        help="The same seed and settings give the same picture. Another seed gives a variation.",
        advanced=True,
    )
    backend: Literal["auto", "torch", "onnx", "fake"] = field(
        "auto",
        label="Backend",
        help="The library that computes: PyTorch, ONNX Runtime, or the best one here (auto).",
        words={"auto": "automatic", "torch": "PyTorch", "onnx": "ONNX Runtime"},
        hidden=("fake",),  # for tests of plug-ins
        advanced=True,
    )
    # A list gives None if nothing is chosen.
    trained: Annotated[str, BeforeValidator(lambda name: name or "")] = field(
        "",
        label="Weights",
        help="Weights of a training run, by the name of its folder. Empty: the weights that come "
        "with the method.",
        advanced=True,
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = field(
        "auto",
        label="Device",
        help="The device that computes. You are told if it cannot be used.",
        words=DEVICES,
        advanced=True,
    )

    @field_validator("enlarge")
    @classmethod
    def _within_size(cls, times: str, known: ValidationInfo) -> str:
        """The largest size also holds for the enlarged picture."""
        most = bounds_of(cls.model_fields["size"])[1] or LARGEST
        if int(times) * known.data.get("size", 0) > most:
            raise ValueError(f"the enlarged picture would exceed {most:.0f} px; make size smaller")
        return times


class Part(Params):
    """Which frames of a video are painted, and how they follow each other."""

    smooth: float = field(
        0.8,
        ge=0.0,
        le=1.0,
        step=0.05,
        label="Smoothness",
        help="Largest share of the frame before, moved along with the picture, in each frame. 0: "
        "each frame for itself, which flickers.",
    )
    start: float = field(0.0, ge=0.0, unit="s", label="From", help="Where to begin.")
    end: float = field(
        0.0, ge=0.0, unit="s", label="To", help="Where to end. 0: at the end of the video."
    )
    fps: float = field(
        0.0,
        ge=0.0,
        le=240.0,
        label="Frames per second",
        help="Fewer frames are painted sooner. 0: those of the video.",
    )

    @property
    def until(self) -> float:
        """Where painting ends, in seconds of the video."""
        return self.end or math.inf


class Recipe(Settings):
    """Method, parameters and settings of a run; `versions` and `weights` record how it was made.

    The engine checks `parameters` by the Params of the method when it runs the recipe.
    """

    method: str = Field(max_length=64)
    parameters: dict[str, Any] = Field(default_factory=dict)
    finish: Finish = Finish()
    versions: dict[str, str] = Field(default_factory=dict)
    weights: dict[str, str] = Field(default_factory=dict)  # file -> sha256

    def to_json(self) -> str:
        """One line of JSON."""
        return self.model_dump_json()

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read the output of `to_json`.

        Raises:
            BadRecipe: not JSON, or not a recipe.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise BadRecipe(
                f"this is not a styleplug recipe: {first_problem(error)}; "
                "expected the JSON that styleplug writes into its pictures"
            ) from None
