"""Graphs: every function of every architecture with embedded weights, against torch."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from styleplug.backends.choose import choose
from styleplug.core.weight import Embedded, WeightFile
from styleplug.nets import ARCHITECTURES, architecture, graph_file
from styleplug.nets.function import Function, axes
from styleplug.store import Store, weights_folder
from styleplug.store.graphs import graph, read_graphs
from styleplug.store.manifest import read_manifest
from styleplug.training import export

pytestmark = pytest.mark.slow

LISTED = [
    (weight.arch, weight.file, function)
    for weight in read_manifest(weights_folder()).values()
    for function in architecture(weight.arch).functions(architecture(weight.arch).build())
]
UNUSUAL = {"b": 3, "h": 5, "w": 13}  # in units of each argument's own


@pytest.mark.parametrize(("arch", "file", "function"), LISTED)
def test_graph_equals_torch_at_other_size(arch, file, function):
    weights = Store().file((Embedded(arch, file),))
    torch.manual_seed(5)
    net = architecture(arch).build().requires_grad_(False)
    module = architecture(arch).functions(net)[function]
    given = module.examples(UNUSUAL)
    found = []
    for name in ("torch", "onnx"):
        net = choose(name, "cpu").load(weights, function)
        arrays = dict(zip(net.spec.inputs, (v.numpy() for v in given), strict=True))
        for fact in ("inputs", "outputs", "multiple", "margin", "noises"):
            assert getattr(net.spec, fact) == getattr(module, fact)
        assert set(net.spec.noises) <= set(net.spec.inputs)
        found.append(net(**arrays))
        net.close()
    for name in module.outputs:
        ours, theirs = found[0][name], found[1][name]
        assert theirs.shape == ours.shape
        assert np.abs(theirs - ours).max() <= 1e-3 * max(1.0, np.abs(ours).max()), name


def test_graphs_complete():
    wanted = {
        graph_file(arch, function)
        for arch in ARCHITECTURES
        for function in architecture(arch).functions(architecture(arch).build())
    }
    assert set(read_graphs(weights_folder())) == wanted


class Toy(nn.Module):
    """A net with a part that its function leaves alone, and buffers of both kinds."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.unused = nn.Linear(2, 2)
        self.register_buffer("offset", torch.full((1,), 0.5))
        self.register_buffer("own", torch.full((1,), 0.25), persistent=False)


class ToyFunction(Function):
    inputs, outputs, multiple = {"picture": axes(3, 2), "scale": axes(4)}, ("mean", "painted"), 2

    def __init__(self, net):
        super().__init__()
        self.strangely_named = net

    def forward(self, picture, scale):
        net = self.strangely_named
        found = net.conv(picture) * scale[:, :, None, None] + net.offset * net.own
        return found - found.mean((2, 3), keepdim=True), found


@pytest.fixture
def toy(monkeypatch, tmp_path):
    """A new architecture, exported into a weights folder of its own."""

    class Module:
        build = staticmethod(Toy)
        functions = staticmethod(lambda net: {"apply": ToyFunction(net)})

    monkeypatch.setattr(export, "architecture", lambda arch: Module)
    return export.export("toy", "apply", tmp_path)


def test_graph_weights_stay_outside(toy):
    file, needed = toy
    assert set(needed) == {"conv.weight", "conv.bias", "offset"}
    model = onnx.load_model(file, load_external_data=False)
    text = str(model)
    assert "/" not in "".join(node.doc_string for node in model.graph.node)
    assert "site-packages" not in text and ".py" not in text


def test_graph_weights_listed():
    for name in read_graphs(weights_folder()):
        file, needed = graph(name)
        model = onnx.load_model(file, load_external_data=False)
        wanted = [t.name for t in model.graph.initializer if t.data_location == 1]
        assert list(needed) == wanted != []


def test_graph_of_run_holds_weights(tmp_path):
    """Its weights are float16 inside, and it gives what torch gives of the same file."""
    import onnxruntime as ort

    arch, function = "styleplug_encoder", "describe"
    torch.manual_seed(1)
    state = {k: v.half() for k, v in architecture(arch).build().state_dict().items()}
    save_file(state, tmp_path / "best.safetensors")
    files = export.export_run(tmp_path / "best.safetensors", arch, tmp_path / "graphs")
    assert {file.name for file in files} == {
        f"{arch}.{name}.onnx" for name in ("describe", "gram", "moments", "wasserstein")
    }
    (file,) = (file for file in files if file.name == f"{arch}.{function}.onnx")
    assert file.stat().st_size < 2.5 * sum(v.numel() for v in state.values())
    picture = np.random.default_rng(0).random((1, 3, 40, 56), np.float32)
    net = choose("torch", "cpu").load(
        WeightFile(arch, tmp_path / "best.safetensors", "", "local"), function
    )
    found = ort.InferenceSession(file.read_bytes()).run(None, {"picture": picture})
    for ours, theirs in zip(net(picture=picture).values(), found, strict=True):
        np.testing.assert_allclose(theirs, ours, atol=1e-3, rtol=1e-3)
