"""Read, convert, resize and write pictures.

Inside styleplug, a picture is (h, w, 3) float32 in [0, 1], sRGB, upright, with separate
transparency.  Pillow's global state is not changed; every function may run in many threads.
"""

from styleplug.imaging.formats import FORMATS
from styleplug.imaging.metadata import MAX_RECIPE, Origin
from styleplug.imaging.picture import Picture, bands, fit, fitted, resize, scale, within
from styleplug.imaging.read import MAX_PIXELS, Source, kind_of, measure, read, read_recipe
from styleplug.imaging.write import ENDINGS, encode, encode_animation, format_of, write

__all__ = [
    "ENDINGS",
    "FORMATS",
    "MAX_PIXELS",
    "MAX_RECIPE",
    "Origin",
    "Picture",
    "Source",
    "bands",
    "encode",
    "encode_animation",
    "fit",
    "fitted",
    "format_of",
    "kind_of",
    "measure",
    "read",
    "read_recipe",
    "resize",
    "scale",
    "within",
    "write",
]
