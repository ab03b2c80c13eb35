"""Architectures by id.  An architecture is declared, never guessed from a file.

Each module in this table has `build()`, which gives the untrained net, and `functions(net)`, which
gives the functions that backends can load; see `styleplug.nets.function`.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

ARCHITECTURES = {
    "autoencoder": "styleplug.nets.autoencoder",
    "cgan": "styleplug.nets.cgan",
    "classifier": "styleplug.nets.classifier",
    "cnn": "styleplug.nets.cnn",
    "completion": "styleplug.nets.completion",
    "cyclegan": "styleplug.nets.cyclegan",
    "dcgan": "styleplug.nets.dcgan",
    "digits": "styleplug.nets.digits",
    "encoder": "styleplug.nets.encoder",
    "enhance": "styleplug.nets.enhance",
    "gan": "styleplug.nets.gan",
    "styleplug_encoder": "styleplug.nets.styleplug_encoder",
    "taesd": "styleplug.nets.taesd",
    "texture": "styleplug.nets.texture",
    "vae": "styleplug.nets.vae",
    "vgg19": "styleplug.nets.vgg19",
}


def architecture(arch: str) -> ModuleType:
    """The module of an architecture; imports torch.

    Raises:
        KeyError: no such architecture.
    """
    return import_module(ARCHITECTURES[arch])


def graph_file(arch: str, function: str) -> str:
    """Name, inside the weights folder, of the ONNX graph of a function.

    A graph holds no weights: the safetensors file serves both backends.
    """
    return f"graphs/{arch}.{function}.onnx"
