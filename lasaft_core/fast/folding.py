"""Batch norms folded into what stands before them; they are constants after training."""

import copy
from collections.abc import Iterable

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from lasaft_core.modules.tfc import TFC


def folded_convolution(layers: nn.Sequential) -> nn.Sequential:
    """(convolution, batch norm, more) -> (convolution, more), computing the same."""
    convolution, norm, *more = layers
    assert isinstance(convolution, nn.Conv2d | nn.ConvTranspose2d)
    assert isinstance(norm, nn.BatchNorm2d)
    transposed = isinstance(convolution, nn.ConvTranspose2d)
    folded = fuse_conv_bn_eval(convolution, norm, transpose=transposed)
    return nn.Sequential(folded, *map(adapted, more))


def adapted(activation: nn.Module) -> nn.Module:
    """The same for [..., C, T, F]: softmax finds the channels from behind; ReLU overwrites its
    input, which saves a third of the memory that it moves."""
    if isinstance(activation, nn.Softmax):
        assert activation.dim == 1
        return nn.Softmax(dim=-3)
    return nn.ReLU(inplace=True) if isinstance(activation, nn.ReLU) else activation


def folded_all(layers: Iterable[nn.Module]) -> nn.ModuleList:
    """`folded_convolution` of each."""
    sequences = [layer for layer in layers if isinstance(layer, nn.Sequential)]
    return nn.ModuleList(folded_convolution(sequence) for sequence in sequences)


def folded_tfc(tfc: TFC) -> TFC:
    """The same densely connected convolutions without batch norms."""
    folded = copy.deepcopy(tfc)
    folded.H = folded_all(tfc.H)
    return folded
