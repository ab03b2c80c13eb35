"""Pictures of a chosen art movement, or of a mix of movements.

Mirza & Osindero 2014, "Conditional Generative Adversarial Nets", arXiv:1411.1784.  What departs
from the paper is said in `styleplug/nets/cgan.py` and `styleplug/training/generation.py`.

The names of the classes come with the weights.  Those of a user's own may be others: their shares
are then given as numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from styleplug.core.backend import Arrays, Net
from styleplug.core.classes import CLASSES, read
from styleplug.core.errors import BadParameter, WeightError
from styleplug.core.mapped import KEY, NOISE, Mapped, MappedParams
from styleplug.core.params import Numbers, field, shares_of
from styleplug.core.weight import Embedded

Movement = Literal[
    "Baroque",
    "Cubism",
    "Fauvism",
    "Impressionism",
    "Naive_Art_Primitivism",
    "Pointillism",
    "Rococo",
    "Ukiyo_e",
]
_WORDS = {
    "Baroque": ("Baroque", "巴洛克"),
    "Cubism": ("Cubism", "立体派"),
    "Fauvism": ("Fauvism", "野兽派"),
    "Impressionism": ("Impressionism", "印象派"),
    "Naive_Art_Primitivism": ("Naïve art", "朴素艺术"),
    "Pointillism": ("Pointillism", "点彩派"),
    "Rococo": ("Rococo", "洛可可"),
    "Ukiyo_e": ("Ukiyo-e", "浮世绘"),
}


class CganParams(MappedParams):
    """What a visitor can set."""

    movement: Movement = field(
        "Impressionism",
        label="Movement",
        help="The art movement that pictures are made in.",
        zh=("流派", "生成图片所属的艺术流派。"),
        words=_WORDS,
    )
    second: Movement = field(
        "Ukiyo_e",
        label="Second movement",
        help="The one that is mixed in.",
        zh=("第二流派", "混入的另一流派。"),
        words=_WORDS,
    )
    mix: float = field(
        0.0,
        ge=0.0,
        le=1.0,
        step=0.05,
        label="Mix",
        help="Share of the second movement: 0 is none of it, 1 nothing else.",
        zh=("混合", "第二流派所占的份额：0 为完全不混入，1 为全部。"),
    )
    shares: Numbers = field(
        (),
        label="Shares",
        help="Shares of all classes, in the order of the alphabet, such as 1, 0, 0, 2, 0, 0, 0, 0; "
        "in place of the three above. Weights of your own training need them.",
        zh=("份额", "按字母顺序给出所有类别的份额，代替上面三项。自己训练的权重需填此项。"),
        advanced=True,
    )


class Cgan(Mapped[CganParams]):
    """Convolutions that are told a class."""

    id = "cgan"
    title = "Conditional GAN"
    summary = "Makes small paintings of a chosen art movement, or of a mix of movements."
    zh = ("条件 GAN", "生成所选艺术流派（或多个流派混合）的小幅画作。")
    paper = "Mirza & Osindero 2014, Conditional Generative Adversarial Nets"
    rank = 62
    params = CganParams
    weights = {KEY: (Embedded("cgan", "cgan.safetensors"),)}  # noqa: RUF012

    def known(self, params: CganParams, map: Net) -> Arrays:
        """The shares of the classes that the weights know."""
        none = np.zeros((1, CLASSES), np.float32)
        names = read(map(noise=np.zeros((1, NOISE), np.float32), shares=none)["names"])
        shares = none.copy()
        shares[0, : len(names)] = _shares(params, names)
        return {"shares": shares}


METHOD = Cgan()


def _shares(params: CganParams, names: Sequence[str]) -> list[float]:
    """A share for each class.

    Raises:
        BadParameter: these weights know no such class, or other ones than there are shares.
        WeightError: they name no classes.
    """
    if not names:
        raise WeightError("these weights name no classes; train others: styleplug train cgan")
    if params.shares:
        return shares_of("shares", params.shares, names)
    wanted: dict[str, float] = {params.movement: 1 - params.mix}
    wanted[params.second] = wanted.get(params.second, 0.0) + params.mix
    if strangers := [name for name, share in wanted.items() if share and name not in names]:
        raise BadParameter(
            f"came the class {strangers[0]}, which these weights do not know; set shares, "
            f"numbers for {', '.join(names)}"
        )
    return [wanted.get(name, 0.0) for name in names]
