"""Textures from a variational autoencoder: new ones, or variations and mixes of given ones.

After Kingma & Welling 2014, "Auto-Encoding Variational Bayes", arXiv:1312.6114.  A latent holds the
kind of texture.  It is sampled from the distribution of paintings, or encoded from pictures and
then varied.  Noise from the seed decides where the marks are.  All operations wrap around at the
sides, so the results tile without seams.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from styleplug.algorithms.latents import slerp
from styleplug.core.array import Arrays, Floats, Pixels
from styleplug.core.backend import Net
from styleplug.core.frame import Frame
from styleplug.core.method import Context, Images, Slot
from styleplug.core.params import Numbers, field
from styleplug.core.weight import Embedded
from styleplug.imaging import tiles
from styleplug.imaging.picture import resize
from styleplug.methods.shared.generation import FPS, Generator, GeneratorParams, walk, wanted
from styleplug.methods.shared.transfer import shares_of, style_blend, style_scale

_SEEN = 224  # short side, in pixels, of a picture whose marks are as large as in training


class TextureParams(GeneratorParams):
    """Parameters."""

    variation: float = field(
        0.3,
        ge=0.0,
        le=1.0,
        step=0.05,
        label="Variation",
        help="With pictures: how much the texture may differ from theirs. At 0, only the places of "
        "the marks differ; 1 gives new textures, as without pictures.",
    )
    temperature: float = field(
        1.0,
        ge=0.2,
        le=2.0,
        step=0.05,
        label="Temperature",
        help="Strength of the noise. Lower values give smoother paint, higher values a rougher "
        "grain.",
    )
    style_scale: float = style_scale(largest=4.0)
    style_blend: Numbers = style_blend()


class Texture(Generator[TextureParams]):
    """Sample, encode, vary and mix textures."""

    id = "texture"
    title = "Texture"
    summary = "Makes textures that tile: new ones, or variations and mixes of one to four pictures."
    paper = "Kingma & Welling 2014, Auto-Encoding Variational Bayes"
    params = TextureParams
    first = {"seed": 7, "size": 256}  # noqa: RUF012
    inputs = (
        Slot(
            "style",
            "Pictures",
            "Up to four pictures whose textures are used and mixed; leave it empty for new "
            "textures.",
            most=4,
            least=0,
        ),
    )
    weights = {"net": (Embedded("texture", "texture.safetensors"),)}  # noqa: RUF012
    presets = {  # noqa: RUF012
        "calm": {"count": 4, "temperature": 0.5, "seed": 1},
        "vivid": {"count": 4, "temperature": 1.3, "seed": 2},
        "large_tile": {"count": 1, "size": 1024, "seed": 5},
        "like_a_picture": {"count": 4, "variation": 0.1},
        "flowing": {"count": 1, "walk": 48, "size": 256},
    }
    rank = 50
    diagram = (
        "style > [Encoder] -latents> Vary and mix > [Decoder] > result",
        "seed -noise> [Decoder]",
    )
    tiled = True
    result_is_style = True

    def shape(self, params: TextureParams, width: int, height: int) -> tuple[int, int]:
        """A square, for pictures of any shape."""
        return max(width, height), max(width, height)

    def work(self, params: TextureParams, pixels: int) -> float:
        """One step for the pixels of each texture, and a constant."""
        return 0.1 + self.count(params) * pixels / 1e6

    def run(self, images: Images, params: TextureParams, ctx: Context) -> Iterator[Frame]:
        """Make textures (size size 3) from up to four pictures (h w 3)."""
        styles, given = images["style"], params.style_blend
        shares = shares_of("style_blend", given, ["style"] * len(styles)) if styles or given else []
        sample = ctx.net("net", "sample")
        chance = wanted(params, ctx.rng, sample.spec.noises["chance"].channels)
        centre, *prior = sample(chance=np.concatenate((0 * chance[:1], chance)))["latent"]
        known = [_read(ctx.net("net", "encode"), one, params) for one in styles]
        known = [latent - centre for latent in known]
        latents = centre + _mixed(known, shares, np.stack(prior) - centre, params)
        decode, places = ctx.net("net", "decode"), ctx.rng.spawn(1)[0]
        unit = decode.spec.multiple
        side = max(2 * unit, ctx.size + -ctx.size % unit)
        noises = _noises(decode, side, places, params.temperature)
        made: tuple[Pixels, ...] = ()
        for latent in latents:
            if made and not params.walk:
                noises = _noises(decode, side, places, params.temperature)
            picture = _wrapped_to(_decoded(decode, latent, noises, side, ctx), ctx.size)
            made += (picture,)
            yield Frame(
                len(made),
                len(latents),
                made,
                metrics={"seam": seam(picture)},
                final=len(made) == len(latents),
                fps=FPS if params.walk else 0.0,
            )


METHOD = Texture()


def seam(picture: Pixels) -> float:
    """Mean step across the sides of a tiled texture (h w c), relative to its mean step; about 1."""
    across, inside = [], []
    for axis in (0, 1):
        steps = np.abs(np.diff(picture, axis=axis, append=picture.take([0], axis)))
        across.append(steps.take(-1, axis).mean())
        inside.append(steps.mean())
    return float(sum(across) / max(1e-6, sum(inside)))


def _read(encode: Net, picture: Pixels, params: TextureParams) -> Floats:
    """The latent (128) of a picture (h w 3)."""
    unit, short = encode.spec.multiple, min(picture.shape[:2])
    scale = min(1.0, _SEEN / short) * params.style_scale
    height, width = (max(4 * unit, round(n * scale / unit) * unit) for n in picture.shape[:2])
    seen = resize(picture, width, height).transpose(2, 0, 1)[None]
    latent: Floats = encode(picture=np.ascontiguousarray(seen))["mean"][0]
    return latent


def _mixed(
    known: Sequence[Floats],
    shares: Sequence[float],
    samples: Floats,
    params: TextureParams,
) -> Floats:
    """The latents (n 128) of a run, from those of pictures (128) and from samples (n 128).

    All are differences from the mean latent.

    A walk of several pictures visits one after the other.
    """
    if not known:
        return samples
    if params.walk and len(known) > 1:
        base = _round(known, params.walk)
    else:
        base = np.asarray(sum(np.float32(s) * z for s, z in zip(shares, known, strict=True)))[None]
        # A mean of several is nearer to the origin, which would give a duller texture.
        length = sum(s * np.linalg.norm(z) for s, z in zip(shares, known, strict=True))
        base = base * np.float32(length / max(1e-6, float(np.linalg.norm(base))))
    strength = np.float32(params.variation)
    # The weights keep the variance.
    return np.asarray(np.sqrt(1 - strength**2) * base + strength * samples)


def _round(known: Sequence[Floats], count: int) -> Floats:
    """Latents (count 128) on a closed path through all known ones."""
    way = []
    for step in range(count):
        place = step * len(known) / count
        near = int(place)
        share = walk(1024)[round((place - near) * 512)]  # slow where a picture is
        way.append(slerp(known[near], known[(near + 1) % len(known)], share))
    return np.stack(way)


def _noises(decode: Net, side: int, rng: np.random.Generator, temperature: float) -> Arrays:
    """What the decoder starts from, (1 g side/s side/s) for each of its levels, coarse to fine."""
    return {
        name: np.float32(temperature) * noise.draw(rng, side, side)
        for name, noise in decode.spec.noises.items()
    }


def _decoded(decode: Net, latent: Floats, noises: Arrays, side: int, ctx: Context) -> Pixels:
    """A texture (side side 3), in windows if it is large; they wrap around with the noise."""
    places = tiles.cores(side, tiles.SIDE, decode.spec.multiple)
    margin = decode.spec.margin if len(places) > 1 else 0  # a single window wraps around by itself
    picture = np.empty((side, side, 3), np.float32)
    for top in places:
        for left in places:
            ctx.check()
            length = places.step + 2 * margin
            found = _window(decode, latent, noises, top - margin, left - margin, length)
            place = picture[top : top + places.step, left : left + places.step]
            place[:] = found[margin:, margin:][: place.shape[0], : place.shape[1]]
    return picture


def _window(decode: Net, latent: Floats, noises: Arrays, top: int, left: int, side: int) -> Pixels:
    """A square (side side 3) cut from the endless tiling of a texture."""
    cut = {}
    for name, noise in noises.items():
        stride = decode.spec.noises[name].stride
        rows, columns = (np.arange(n // stride, (n + side) // stride) for n in (top, left))
        cut[name] = noise.take(rows, 2, mode="wrap").take(columns, 3, mode="wrap")
    painted: Pixels = decode(latent=latent[None], **cut)["picture"][0].transpose(1, 2, 0)
    return painted


def _wrapped_to(picture: Pixels, side: int) -> Pixels:
    """Resize a texture (n n 3) to a slightly shorter side in its spectrum, which wraps around."""
    if picture.shape[0] == side:
        return picture.clip(0, 1)
    kept = np.fft.fftfreq(side, 1 / side).round().astype(int)
    found = np.empty((side, side, 3), np.float32)
    for channel in range(3):
        spectrum = np.fft.fft2(picture[..., channel], norm="forward")[kept[:, None], kept]
        found[..., channel] = np.fft.ifft2(spectrum, norm="forward").real
    return found.clip(0, 1)
