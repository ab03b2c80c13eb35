"""Export every function of every architecture as an ONNX graph without weights.

    python -m styleplug.training.export [ARCH …]

The graphs are written to `weights/graphs/`.  Their weights are external initialisers, which
`styleplug.backends.onnx_backend` fills from the safetensors file.  So weights are stored once, a
graph works with any weights of its architecture, and only the export needs torch.
"""

from __future__ import annotations

import inspect
import logging
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import onnx
import torch
import typer
from safetensors.numpy import load_file
from torch import nn

from styleplug.core.array import Floats
from styleplug.core.backend import factor
from styleplug.nets import ARCHITECTURES, architecture, graph_file
from styleplug.nets.function import Function
from styleplug.store import graph, weights_folder
from styleplug.store.files import Digests
from styleplug.store.graphs import GRAPHS, Graph, read_graphs
from styleplug.system.files import write_file
from styleplug.system.jsontext import to_json
from styleplug.system.tomltext import to_toml

log = logging.getLogger(__name__)
OPSET = 20
_HEAD = "# Every graph and its weights, written by: python -m styleplug.training.export\n"
_LARGEST = 8192  # sides in pixels; an assumption of the tracer only
_OUTPUT_PREFIX = "promised."  # prefix of output names; part of the stored graphs


def export(arch: str, name: str, folder: Path) -> tuple[Path, list[str]]:
    """Write one graph; its weights have the names of the safetensors file.

    Args:
        name: one of its functions.
        folder: folder of weights; the graph is written to `graphs/` in it.
    """
    net = architecture(arch).build().eval().requires_grad_(False)
    function = architecture(arch).functions(net)[name].eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            function,
            function.examples(),
            input_names=list(function.inputs),
            output_names=[_OUTPUT_PREFIX + name for name in function.outputs],
            dynamic_shapes=_specification(function),
            opset_version=OPSET,
            optimize=False,  # constant folding would store identity matrices of megabytes
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    needed = _detach_weights(model, _keys(function, net))
    _name_outputs(model)
    # Properties that `onnx_backend` reads.
    facts = {
        "multiple": str(function.multiple),
        "margin": str(function.margin),
        "noises": to_json({key: asdict(noise) for key, noise in function.noises.items()}),
        "weights": " ".join(net.state_dict()),
    }
    onnx.helper.set_model_props(model, facts)
    file = folder / graph_file(arch, name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(model.SerializeToString(deterministic=True))
    return file, needed


def _specification(function: Function) -> tuple[Any, ...]:
    """The dynamic axes as the exporter wants them: variadic arguments in a tuple of their own."""
    every = [axis for axes in function.inputs.values() for axis in axes if isinstance(axis, str)]
    largest = _LARGEST // max((factor(axis)[0] for axis in every), default=1)
    dims = {name: torch.export.Dim(name, min=2, max=largest) for name in ("h", "w")}
    dims["b"] = torch.export.Dim("b", min=1, max=64)
    shapes = tuple(
        {place: _times(dims, axis) for place, axis in enumerate(axes) if isinstance(axis, str)}
        or None
        for axes in function.inputs.values()
    )
    kinds = [one.kind for one in inspect.signature(function.forward).parameters.values()]
    if inspect.Parameter.VAR_POSITIONAL not in kinds:
        return shapes
    named = kinds.index(inspect.Parameter.VAR_POSITIONAL)
    return (*shapes[:named], shapes[named:])


def _times(dims: Mapping[str, Any], axis: str) -> Any:
    """The dimension of a free axis."""
    times, name = factor(axis)
    return times * dims[name] if times > 1 else dims[name]


def _keys(function: nn.Module, net: nn.Module) -> dict[str, str]:
    """Name of each weight in the function -> its name in the safetensors file.

    A function may hold the network, or a part of it, under any attribute name.  So weights are
    matched by the identity of their tensors.
    """
    saved = {id(value): key for key, value in net.state_dict(keep_vars=True).items()}
    held = [
        *function.named_parameters(remove_duplicate=False),
        *function.named_buffers(remove_duplicate=False),
    ]
    return {
        name: saved[id(value)]
        for name, value in held
        if id(value) in saved and value.is_floating_point()
    }


def _detach_weights(model: onnx.ModelProto, keys: dict[str, str]) -> list[str]:
    """Turn the weights into external initialisers with the names of the safetensors file."""
    detached = []
    used = {name for node in model.graph.node for name in node.input}
    for tensor in list(model.graph.initializer):
        if tensor.name not in used:  # not used by this function
            model.graph.initializer.remove(tensor)
        if tensor.name not in keys:
            continue
        tensor.name = keys[tensor.name]
        detached.append(tensor.name)
        tensor.ClearField("raw_data")
        tensor.ClearField("float_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        del tensor.external_data[:]
        tensor.external_data.add(key="location", value="weights")
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    for node in model.graph.node:
        del node.metadata_props[:]  # source paths and lines
        node.doc_string = ""
        node.input[:] = [keys.get(name, name) for name in node.input]
    del model.graph.value_info[:]
    return detached


def _name_outputs(model: onnx.ModelProto) -> None:
    """Give the outputs their own names; inner values with these names get others."""
    prefixed = [value.name for value in model.graph.output]
    names = {name: name.removeprefix(_OUTPUT_PREFIX) for name in prefixed}
    names |= {name.removeprefix(_OUTPUT_PREFIX): f"{name}.inner" for name in prefixed}
    for value in model.graph.output:
        value.name = names[value.name]
    for node in model.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]


def export_run(weights: Path, arch: str, folder: Path) -> list[Path]:
    """Write the graphs of a trained network with weights inside, for other programs.

    Weights keep the type of the file, usually float16, and are converted inside the graph.

    Args:
        weights: safetensors file.
        arch: its architecture; the project has graphs of it without weights.
        folder: the graphs are written here, as `ARCH.FUNCTION.onnx`.

    Raises:
        WeightError: a graph of the project is missing or damaged.
        OutputError: a graph cannot be written.
    """
    values = load_file(weights)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for function in architecture(arch).functions(architecture(arch).build()):
        name = graph_file(arch, function)
        model = onnx.load_model(graph(name)[0], load_external_data=False)
        _attach_weights(model, values)
        written.append(folder / Path(name).name)
        write_file(written[-1], model.SerializeToString(deterministic=True))
    return written


def _attach_weights(model: onnx.ModelProto, values: dict[str, Floats]) -> None:
    """The inverse of `_detach_weights`."""
    casts = []
    for tensor in list(model.graph.initializer):
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            continue
        stored = f"{tensor.name}.stored"
        cast = onnx.helper.make_node("Cast", [stored], [tensor.name], to=tensor.data_type)
        casts.append(cast)
        tensor.CopyFrom(onnx.numpy_helper.from_array(values[tensor.name], stored))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def main(
    arch: Annotated[
        list[str] | None, typer.Argument(help="architectures; all of them if left out")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="weights folder; the project's own if left out")
    ] = None,
) -> None:
    """Export graphs."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    folder = out or weights_folder()
    listed = read_graphs(folder)
    for one in arch or ARCHITECTURES:
        for name in architecture(one).functions(architecture(one).build()):
            file, needed = export(one, name, folder)
            sha256 = Digests().of(file, anew=True)
            listed[graph_file(one, name)] = Graph(sha256=sha256, weights=tuple(needed))
            log.info("%s: %d bytes", file.name, file.stat().st_size)
    tables = {to_json(name): listed[name].model_dump() for name in sorted(listed)}
    write_file(folder / GRAPHS, (_HEAD + to_toml(tables)).encode())


if __name__ == "__main__":
    typer.run(main)
