"""Export every function of every architecture as an ONNX graph without weights.

    python -m styleplug.training.export

The graphs go to `weights/graphs/`; their weights are initialisers marked as external, which
`styleplug.backends.onnx_backend` fills from the safetensors file.  So weights are stored once, a
graph serves any weights of its architecture, and torch is needed here only.
"""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Annotated

import onnx
import torch
import typer
from torch import Tensor, nn

from styleplug.nets import ARCHITECTURES, architecture, graph_file
from styleplug.nets.perceptual import Describe
from styleplug.store import weights_folder
from styleplug.store.graphs import write_graphs

log = logging.getLogger(__name__)
EXAMPLE = (96, 160)  # sides of the picture that is traced; neither equal nor square
LARGEST = 8192


def example_inputs(function: nn.Module) -> tuple[Tensor, ...]:
    """Arguments of the shapes that a perceptual function takes, in order."""
    height, width = EXAMPLE
    picture = torch.rand(1, 3, height, width)
    if len(function.inputs) == 1:
        return (picture,)
    targets = Describe(function.encoder, function.content, function.style)(picture)
    vectors = (torch.ones(len(function.content)), torch.ones(len(function.style)))
    return (picture, *targets, *vectors, torch.tensor(0.0), torch.tensor(0.0))


def dynamic_shapes(function: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[dict | None, ...]:
    """Height and width are free, in multiples of the net's stride."""
    units = [torch.export.Dim(name, min=2, max=LARGEST // function.multiple) for name in "hw"]

    def shape(value: Tensor) -> dict | None:
        if value.ndim != 4:
            return None
        strides = EXAMPLE[0] // value.shape[2]
        factor = function.multiple // strides
        return {
            axis: factor * unit if factor > 1 else unit
            for axis, unit in zip((2, 3), units, strict=True)
        }

    return tuple(shape(value) for value in inputs)


def export(arch: str, name: str, folder: Path) -> Path:
    """Write one graph; its weights are named as in the safetensors file."""
    net = architecture(arch).build().eval().requires_grad_(False)
    function = architecture(arch).functions(net)[name].eval()
    inputs = example_inputs(function)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shapes = dynamic_shapes(function, inputs)
        # Variadic arguments are one dynamic shape: a tuple of its own.
        spec = (shapes[0], shapes[1:]) if len(shapes) > 1 else shapes
        program = torch.onnx.export(
            function,
            inputs,
            input_names=list(function.inputs),
            output_names=list(function.outputs),
            dynamic_shapes=spec,
            opset_version=20,
            optimize=False,  # folding would store identity matrices of megabytes
            verbose=False,
        )
    model = program.model_proto
    _detach_weights(model, set(net.state_dict()))
    onnx.helper.set_model_props(model, {"multiple": str(function.multiple)})
    file = folder / graph_file(arch, name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(model.SerializeToString(deterministic=True))
    return file


def _detach_weights(model: onnx.ModelProto, keys: set[str]) -> None:
    """Turn the weights into external initialisers, named as in the safetensors file."""
    prefix = "encoder."
    renamed = {}
    for tensor in model.graph.initializer:
        key = tensor.name.removeprefix(prefix)
        if key not in keys:
            continue
        renamed[tensor.name] = key
        tensor.name = key
        tensor.ClearField("raw_data")
        tensor.ClearField("float_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        del tensor.external_data[:]
        tensor.external_data.add(key="location", value="weights")
    del model.metadata_props[:]
    for node in model.graph.node:
        del node.metadata_props[:]  # the paths and lines that the node came from
        node.doc_string = ""
        node.input[:] = [renamed.get(name, name) for name in node.input]
    del model.graph.value_info[:]


def main(
    out: Annotated[
        Path | None, typer.Option(help="weights folder; the project's own if left out")
    ] = None,
) -> None:
    """Export all graphs."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    folder = out or weights_folder()
    written = []
    for arch in ARCHITECTURES:
        for name in architecture(arch).functions(architecture(arch).build()):
            file = export(arch, name, folder)
            written.append(graph_file(arch, name))
            log.info("%s: %d bytes", file.name, file.stat().st_size)
    write_graphs(folder, written)


if __name__ == "__main__":
    typer.run(main)
