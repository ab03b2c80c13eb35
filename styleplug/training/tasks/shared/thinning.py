"""Start a chain from a wider and deeper one, layer by layer, without gradient descent.

For each convolution we choose the channels of the teacher's convolution from which its other
channels can be predicted best.  The weights are the least-squares solution that predicts the chosen
channels, before the ReLU, from the activations of the *thin* chain.  So earlier errors are
compensated (He, Zhang & Sun 2017, arXiv:1707.06168; Luo et al. 2017, arXiv:1707.06342).  Taps are
solved in the same way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styleplug.nets.chain import Chain, Conv, Pool
from styleplug.training.losses.perception import gram

CHUNK = 8  # pictures at a time
POSITIONS = 4096  # of each chunk that enter the equations
RIDGE = 1e-4  # of the mean square of each unknown's input
SMALLEST = 0.02  # energy of a channel that is scaled to one, as a share of the layer's mean


@torch.no_grad()
def start_thin(
    net: Chain,
    teacher: Chain,
    names: Mapping[str, str],
    bases: Mapping[str, Tensor],
    pictures: Tensor,
) -> None:
    """Set the weights of a chain so that it imitates another one.

    Args:
        net: the thin chain; all its convolutions are in `names`, in the teacher's order.
        teacher: the chain that it imitates, with the same normalisation and the same poolings.
        names: name in the thin chain: name in the teacher.
        bases: maps (k c 1 1) of the teacher's features, by tap of the thin chain.
        pictures: (b 3 h w) in [0, 1], from which the equations are made.
    """
    chunks = torch.split((pictures - net.mean) / net.std, CHUNK)
    thin, wide = list(chunks), list(chunks)
    ahead = iter(teacher.layers)
    for layer in net.layers:
        if isinstance(layer, Conv):
            wide = _advance(teacher, ahead, names[layer.name], wide)
            energy = sum(gram(F.relu(some)).sum(0) for some in wide)
            assert isinstance(energy, Tensor)
            chosen = representative(energy, layer.outputs)
            # With activations of unit energy, one learning rate suits all layers.
            scale = (energy.diagonal()[chosen] / len(pictures)).sqrt()
            scale = scale.clamp_min(SMALLEST * scale.mean())[:, None, None]
            conv = net.features[layer.name]
            assert isinstance(conv, nn.Conv2d)
            solve_convolution(conv, thin, [some[:, chosen] / scale for some in wide])
            thin = [F.relu(conv(some)) for some in thin]
            wide = [F.relu(some) for some in wide]
        elif isinstance(layer, Pool):
            thin = [layer(some) for some in thin]
        elif layer.mapped:
            targets = [F.conv2d(some, bases[layer.name]) for some in wide]
            projection = net.maps[layer.name]
            assert isinstance(projection, nn.Conv2d)
            solve_convolution(projection, thin, targets)


def _advance(
    teacher: Chain, ahead: Iterator[object], name: str, features: list[Tensor]
) -> list[Tensor]:
    """Run the teacher up to one of its convolutions, without the ReLU of that."""
    found = False
    while not found:
        layer = next(ahead)  # there is one: both chains are in the same order
        if isinstance(layer, Conv):
            found = layer.name == name
            features = [teacher.features[layer.name](some) for some in features]
            if not found:
                features = [F.relu(some) for some in features]
        elif isinstance(layer, Pool):
            features = [layer(some) for some in features]
    return features


def representative(energy: Tensor, count: int) -> list[int]:
    """Channels that explain the others best: a greedy choice, by pivoted Cholesky factorisation.

    Args:
        energy: Gram matrix (c c) of all channels.
        count: of the channels to choose, at most c.
    """
    rest = energy.double().clone()
    chosen: list[int] = []
    for _ in range(count):
        diagonal = rest.diagonal().clamp_min(0)
        gain = torch.where(diagonal > 0, rest.square().sum(0) / diagonal, 0.0)
        gain[chosen] = -1.0
        chosen.append(best := int(gain.argmax()))
        if diagonal[best] > 0:
            rest -= torch.outer(rest[:, best], rest[:, best]) / diagonal[best]
    return chosen


def solve_convolution(conv: nn.Conv2d, inputs: list[Tensor], targets: list[Tensor]) -> None:
    """Give a convolution of stride 1 the weights with the least squared error.

    Args:
        conv: k×k, padded with zeros by k // 2.
        inputs: chunks (b c h w).
        targets: chunks (b k h w).
    """
    side = conv.kernel_size[0]
    unknowns = conv.in_channels * side * side + 1
    normal = torch.zeros(unknowns, unknowns, dtype=torch.float64, device=conv.weight.device)
    right = torch.zeros(unknowns, conv.out_channels, dtype=torch.float64, device=normal.device)
    generator = torch.Generator().manual_seed(0)
    for some, target in zip(inputs, targets, strict=True):
        columns = F.unfold(some, side, padding=side // 2).transpose(1, 2).flatten(0, 1)
        wanted = target.flatten(2).transpose(1, 2).flatten(0, 1)
        used = torch.randperm(len(columns), generator=generator)[:POSITIONS].to(columns.device)
        rows = F.pad(columns[used], (0, 1), value=1.0)  # the last unknown is the bias
        normal += (rows.T @ rows).double()
        right += (rows.T @ wanted[used]).double()
    normal += torch.diag(RIDGE * normal.diagonal() + 1e-9 * normal.diagonal().mean())
    solution = torch.linalg.solve(normal, right).float()
    conv.weight.copy_(solution[:-1].T.reshape(conv.weight.shape))
    assert conv.bias is not None
    conv.bias.copy_(solution[-1])
