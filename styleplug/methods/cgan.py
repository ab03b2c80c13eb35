"""Faces of a chosen kind of people, or of a mix of two kinds.

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
from styleplug.methods.shared.style_generator import (
    DECODER,
    FIRST,
    KEY,
    VAE,
    StyleGenerator,
    StyleGeneratorParams,
)
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
_FOUR = {"count": 4, "seed": 13, "truncation": 0.7}  # faces that can be recognised
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


class CganParams(StyleGeneratorParams):
    """Parameters."""

    kind: Kind = field(
        "female-noble",
        label="Kind",
        help="The kind of people, in scrolls of the 16th and 17th centuries.",
        words=_WORDS,
    )
    second: Kind = field(
        "male-warrior",
        label="Second kind",
        help="The kind that is mixed in.",
        words=_WORDS,
    )
    mix: float = field(
        0.0,
        ge=0.0,
        le=1.0,
        step=0.05,
        label="Mix",
        help="Share of the second kind, from 0 to 1.",
    )
    shares: Numbers = field(
        (),
        label="Shares",
        help="Shares of all classes, in the order of the alphabet, such as 1, 0, 0, 2, 0, 0, 0, 0; "
        "in place of the three above. Weights of your own training need them.",
        advanced=True,
    )


class Cgan(StyleGenerator[CganParams]):
    """Convolutions, conditioned on a class."""

    id = "cgan"
    title = "Conditional GAN"
    summary = "Makes faces of Japanese scrolls, of a chosen kind of people or a mix of kinds."
    paper = "Mirza & Osindero 2014, Conditional Generative Adversarial Nets"
    rank = 62
    diagram = (*StyleGenerator.diagram, "Kinds > [Mapping]")
    params = CganParams
    first = FIRST | {"seed": 13}
    weights = {  # noqa: RUF012
        KEY: (Embedded("cgan", "cgan.safetensors"),),
        DECODER: (VAE,),
    }
    presets = {  # noqa: RUF012
        "court": {**_FOUR, "kind": "female-noble"},
        "courtiers": {**_FOUR, "kind": "male-noble"},
        "warriors": {**_FOUR, "kind": "male-warrior"},
        "townspeople": {**_FOUR, "kind": "male-commoner"},
        "noble_warrior": {**_FOUR, "mix": 0.5},
    }

    def known(self, params: CganParams, map: Net) -> Arrays:
        """The shares of the classes in the weights."""
        names = map.spec.classes
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
    wanted: dict[str, float] = {params.kind: 1 - params.mix}
    wanted[params.second] = wanted.get(params.second, 0.0) + params.mix
    if strangers := [name for name, share in wanted.items() if share and name not in names]:
        raise BadParameter(
            f"got the class {strangers[0]}, which these weights do not have; set shares, "
            f"numbers for {', '.join(names)}"
        )
    return [wanted.get(name, 0.0) for name in names]
