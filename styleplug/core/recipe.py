"""A recipe: everything needed to make the same picture again (besides the input pictures)."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError

from styleplug.core.errors import BadRecipe
from styleplug.core.params import Params, field

LARGEST = 8192
"""No side of a result is longer, in pixels; nor is one of a picture that is read."""
OPTIONS = (
    "out",
    "recipe",
    "no_recipe",
    "keep_metadata",
    "overwrite",
    "weights",
    "json",
    "help",
)
"""What every command takes beside its method's own and the fields below."""
DEVICES = {
    "auto": "automatic",
    "cpu": "processor",
    "cuda": "NVIDIA card",
    "mps": "Apple GPU",
}
"""How devices are called."""


class Finish(Params):
    """What the engine does to every method's result (`styleplug.imaging.finish`)."""

    strength: float = field(
        1.0,
        ge=0.0,
        le=1.0,
        step=0.05,
        label="Strength",
        help="1 shows the result in full, 0 the content picture; between them both are blended.",
        advanced=True,
    )
    keep_colours: bool = field(
        False,
        label="Keep colours",
        help="Take brush marks and light from the result, but the colours from the content.",
    )


class Settings(Params):
    """What belongs to the engine and not to a method."""

    size: int = field(
        512,
        ge=64,
        le=LARGEST,
        step=16,
        unit="px",
        label="Size",
        help="Long side of the result. Twice the size takes about four times as long.",
    )
    seed: int = field(
        0,
        ge=0,
        le=2**31 - 1,
        label="Seed",
        help="The same seed and settings give the same picture; another seed, a variation.",
        advanced=True,
    )
    backend: Literal["auto", "torch", "onnx", "fake"] = field(
        "auto",
        label="Backend",
        help="What computes: PyTorch, ONNX Runtime, or whichever is best here (auto). "
        "fake computes nothing and is for testing plug-ins.",
        words={
            "auto": "automatic",
            "torch": "PyTorch",
            "onnx": "ONNX Runtime",
            "fake": "fake, for tests",
        },
        advanced=True,
    )
    # A list to choose from gives None where nothing is chosen.
    trained: Annotated[str, BeforeValidator(lambda name: name or "")] = field(
        "",
        label="Weights",
        help="Weights of a training run, by the name of its folder; left empty, those that the "
        "method comes with.",
        advanced=True,
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = field(
        "auto",
        label="Device",
        help="Where it computes. A graphics card that was asked for but is not used is reported.",
        words=DEVICES,
        advanced=True,
    )


class Recipe(Settings):
    """Method, parameters and settings of a run; `versions` and `weights` record what made it.

    `parameters` is checked by the method's own Params when the engine runs the recipe.
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
        """Read what `to_json` wrote.

        Raises:
            BadRecipe: not JSON, or not a recipe.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the text"
            raise BadRecipe(
                f"this is not a styleplug recipe: {where}: {first['msg']}; "
                "expected the JSON that styleplug writes into its pictures"
            ) from None
