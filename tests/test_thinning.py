"""Starting a chain from a wider one: which channels, which weights, and how near it comes."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from styleplug.nets.chain import Chain, Conv, Pool, Tap
from styleplug.training.tasks.shared.thinning import representative, solve_convolution, start_thin

NAMES = {"one": "1", "two": "2", "four": "4"}


def chain(*layers):
    return Chain(layers, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25)).requires_grad_(False)


def teacher():
    torch.manual_seed(0)
    net = chain(
        Conv("1", 3, 8),
        Conv("2", 8, 8),
        Pool("max"),
        Conv("3", 8, 8),
        Conv("4", 8, 6),
        Tap("end"),
    )
    for conv in net.features.values():
        nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    return net


def thin(width, *, deep=False):
    middle = (Conv("three", width, width),) if deep else ()
    return chain(
        Conv("one", 3, width),
        Conv("two", width, width),
        Pool("max"),
        *middle,
        Conv("four", width, min(width, 6)),
        Tap("end", 6),
    )


def test_representative_repeated_channel_chosen_once():
    one, two = torch.randn(2, 200, generator=torch.Generator().manual_seed(0))
    rows = torch.stack((3 * one, one, two))
    chosen = representative(rows @ rows.T, 2)
    assert sorted(chosen) in ([0, 2], [1, 2])  # the first two are one channel


def test_solve_convolution_known_weights_recovered():
    torch.manual_seed(1)
    known, found = (nn.Conv2d(3, 4, 3, padding=1).requires_grad_(False) for _ in range(2))
    inputs = [torch.randn(2, 3, 12, 14), torch.randn(1, 3, 12, 14)]
    solve_convolution(found, inputs, [known(some) for some in inputs])
    torch.testing.assert_close(found.weight, known.weight, atol=2e-3, rtol=0)
    torch.testing.assert_close(found.bias, known.bias, atol=2e-3, rtol=0)


def error(net, pictures, wide, basis):
    expected = F.conv2d(wide(pictures)["end"], basis)
    return float((net(pictures)["end"] - expected).square().mean() / expected.var())


def test_start_thin_full_width_equals_teacher_and_fewer_channels_explain_less():
    wide, basis = teacher(), torch.linalg.qr(torch.randn(6, 6))[0][:, :, None, None]
    torch.manual_seed(2)
    pictures, unseen = torch.rand(8, 3, 24, 24), torch.rand(4, 3, 24, 24)
    errors = []
    for net in (thin(8, deep=True), thin(8), thin(4)):
        names = NAMES | {"three": "3"}
        start_thin(net, wide, names, {"end": basis}, pictures)
        errors.append(error(net, unseen, wide, basis))
    exact, shallow, narrow = errors
    assert exact < 1e-3 < shallow < narrow < 0.9
