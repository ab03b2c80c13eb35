"""Faces of a chosen kind of people, handwritten digits, or a mix of two of them.

Mirza & Osindero 2014, "Conditional Generative Adversarial Nets", arXiv:1411.1784.  The departures
from the paper are in `styleplug/nets/cgan.py` and `styleplug/training/tasks/shared/generator.py`.

The weights contain the names of the classes.  If weights that a user trained have other classes,
their shares are given as numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from styleplug.core.array import Arrays
from styleplug.core.backend import MOST_CLASSES, Net
from styleplug.core.errors import BadParameter, WeightError
from styleplug.core.params import Numbers, field
from styleplug.core.weight import Embedded
from styleplug.methods.shared.adversarial import FIRST, AdversarialGenerator, AdversarialParams
from styleplug.methods.shared.transfer import shares_of

Kind = Literal[
    "female-commoner",
    "female-incarnation",
    "female-noble",
    "female-warrior",
    "male-commoner",
    "male-incarnation",
    "male-noble",
    "male-warrior",
]
_FOUR = {"count": 4, "seed": 11}  # faces that can be recognised
_WORDS = {
    "female-commoner": "Woman, commoner",
    "female-incarnation": "Woman, deity",
    "female-noble": "Woman, noble",
    "female-warrior": "Woman, warrior",
    "male-commoner": "Man, commoner",
    "male-incarnation": "Man, deity",
    "male-noble": "Man, noble",
    "male-warrior": "Man, warrior",
}


class CganParams(AdversarialParams):
    """Parameters."""

    pictures: Literal["faces", "digits"] = field(
        "faces",
        label="Pictures",
        help="What is made: faces of people in scrolls, or handwritten digits.",
        words={"faces": "Faces", "digits": "Digits"},
    )
    kind: Kind = field(
        "female-noble",
        label="Kind",
        help="The kind of people, in scrolls of the 16th and 17th centuries. For faces.",
        words=_WORDS,
    )
    second: Kind = field(
        "male-warrior",
        label="Second kind",
        help="The kind that is mixed in. For faces.",
        words=_WORDS,
    )
    digit: int = field(8, ge=0, le=9, label="Digit", help="The digit. For digits.")
    second_digit: int = field(
        0,
        ge=0,
        le=9,
        label="Second digit",
        help="The digit that is mixed in. For digits.",
    )
    mix: float = field(
        0.0,
        ge=0.0,
        le=1.0,
        step=0.05,
        label="Mix",
        help="Share of the second kind or digit, from 0 to 1.",
    )
    shares: Numbers = field(
        (),
        label="Shares",
        help="Shares of all classes, in the order of the alphabet, such as 1, 0, 0, 2, 0, 0, 0, 0; "
        "in place of the choices above. Weights of your own training need them.",
        advanced=True,
    )


class Cgan(AdversarialGenerator[CganParams]):
    """Convolutions, conditioned on a class."""

    id = "cgan"
    title = "Conditional GAN"
    summary = (
        "Makes faces of Japanese scrolls, of a chosen kind of people or a mix of kinds, or "
        "handwritten digits."
    )
    paper = "Mirza & Osindero 2014, Conditional Generative Adversarial Nets"
    rank = 62
    diagram = (*AdversarialGenerator.diagram, "Kinds > [Generator]")
    params = CganParams
    centre_seed = 21
    first = FIRST | {"seed": 9}
    weights = {  # noqa: RUF012
        "faces": (Embedded("cgan", "cgan.safetensors"),),
        "digits": (Embedded("digits", "digits.safetensors"),),
    }
    presets = {  # noqa: RUF012
        "court": {**_FOUR, "kind": "female-noble"},
        "courtiers": {**_FOUR, "kind": "male-noble"},
        "warriors": {**_FOUR, "kind": "male-warrior"},
        "townspeople": {**_FOUR, "kind": "male-commoner"},
        "noble_warrior": {**_FOUR, "mix": 0.5},
        "numbers": {"pictures": "digits", "count": 16, "truncation": 1.0},
    }

    def nets(self, params: CganParams) -> tuple[str, ...]:
        """The net of the wanted pictures."""
        return (params.pictures,)

    def known(self, params: CganParams, net: Net) -> Arrays:
        """The shares of the classes in the weights."""
        names = net.spec.classes
        shares = np.zeros((1, MOST_CLASSES), np.float32)
        shares[0, : len(names)] = _shares(params, names)
        return {"shares": shares}


METHOD = Cgan()


def _shares(params: CganParams, names: Sequence[str]) -> list[float]:
    """A share for each class.

    Raises:
        BadParameter: the weights do not have such a class, or the number of shares is wrong.
        WeightError: the weights contain no class names.
    """
    if not names:
        raise WeightError(
            "these weights contain no class names; train others: styleplug train cgan"
        )
    if params.shares:
        return shares_of("shares", params.shares, names)
    first, second = (
        (params.kind, params.second)
        if params.pictures == "faces"
        else (str(params.digit), str(params.second_digit))
    )
    wanted: dict[str, float] = {first: 1 - params.mix}
    wanted[second] = wanted.get(second, 0.0) + params.mix
    if strangers := [name for name, share in wanted.items() if share and name not in names]:
        raise BadParameter(
            f"got the class {strangers[0]}, which these weights do not have; set shares, "
            f"numbers for {', '.join(names)}"
        )
    return [wanted.get(name, 0.0) for name in names]
