"""Batch norms folded into what stands before them; they are constants after training.

Legend: C channels, I latent sources, F bins, u units of a bottleneck.
"""

import copy
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from lasaft_core.modules.tfc import TFC


def folded_convolution(layers: nn.Sequential) -> nn.Sequential:
    """(convolution, batch norm, more) -> (convolution, more), computing the same."""
    convolution, norm, *more = layers
    assert isinstance(convolution, nn.Conv2d | nn.ConvTranspose2d)
    assert isinstance(norm, nn.BatchNorm2d)
    transposed = isinstance(convolution, nn.ConvTranspose2d)
    return nn.Sequential(fuse_conv_bn_eval(convolution, norm, transpose=transposed), *more)


def folded_all(layers: Iterable[nn.Module]) -> nn.ModuleList:
    """`folded_convolution` of each."""
    sequences = [layer for layer in layers if isinstance(layer, nn.Sequential)]
    return nn.ModuleList(folded_convolution(sequence) for sequence in sequences)


def folded_tfc(tfc: TFC) -> TFC:
    """The same densely connected convolutions without batch norms."""
    folded = copy.deepcopy(tfc)
    folded.H = folded_all(tfc.H)
    return folded


class FrequencyLayer(nn.Module):
    """Linear on the frequency axis, a scale and a shift for each channel, activation.

    The linear is a 1 x 1 convolution over rows of bins, which on processors is a tenth to a fifth
    faster than `nn.Linear` (oneDNN's products in place of MKL's) and the same arithmetic.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, linear: nn.Linear, norm: nn.BatchNorm2d, activation: nn.Module) -> None:
        super().__init__()
        scale, shift = affine_of(norm)
        self.activation = activation
        self.weight = nn.Parameter(linear.weight.detach()[:, :, None, None].clone())
        self.bias = None if linear.bias is None else nn.Parameter(linear.bias.detach().clone())
        self.register_buffer("scale", scale[:, None, None])
        self.register_buffer("shift", shift[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        """[..., C, T, F] -> [..., C, T, outputs]."""
        rows = x.reshape(1, -1, 1, x.shape[-1]).permute(0, 3, 1, 2)  # 1, F, rows, 1
        y = nn.functional.conv2d(rows, self.weight, self.bias).permute(0, 2, 3, 1)
        return self.activation(torch.addcmul(self.shift, y.view(*x.shape[:-1], -1), self.scale))

    def of_latents(self, count: int) -> list["FrequencyLayer"]:
        """Outputs that are [F, I] interleaved, as one layer for each latent source."""
        layers = [copy.deepcopy(self) for _ in range(count)]
        for latent, part in enumerate(layers):
            for parameter in part.parameters():
                parameter.data = parameter.data[latent::count].contiguous()
        return layers


def frequency_layers(layers: Sequence[nn.Module]) -> list[FrequencyLayer]:
    """(linear, batch norm, activation) x n."""
    return [FrequencyLayer(*layers[i : i + 3]) for i in range(0, len(layers), 3)]  # type: ignore[arg-type]


def affine_of(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """What a batch norm multiplies each channel by, and adds to it: [C] both."""
    assert norm.running_var is not None
    assert norm.running_mean is not None
    scale = torch.rsqrt(norm.running_var + norm.eps)
    if norm.weight is not None:
        scale = scale * norm.weight.detach()
    shift = -norm.running_mean * scale
    return scale, shift if norm.bias is None else shift + norm.bias.detach()
