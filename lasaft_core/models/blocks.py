"""The blocks that a U-Net is built of: convolutions, modulation, a frequency part.

Legend: B batch, C channels, T frames, F bins.

    x -> TFC or TDC -> modulation (where the condition acts) -> frequency part -> out
"""

from collections.abc import Callable

from torch import Tensor, nn

from lasaft_core.models.config import NetworkConfig
from lasaft_core.modules.activations import ACTIVATIONS
from lasaft_core.modules.lasaft import LaSAFT
from lasaft_core.modules.lightsaft import LightSAFT
from lasaft_core.modules.rnn import RNN, GRUOptions
from lasaft_core.modules.tdf import TDF, TDFOptions
from lasaft_core.modules.tfc import TFC

Modulate = Callable[[Tensor], Tensor]


class ResidualTDF(nn.Module):
    """x + TDF(x), blind to the condition."""

    def __init__(self, tdf: TDF) -> None:
        super().__init__()
        self.tdf = tdf

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, T, F] -> the same shape."""
        return x + self.tdf(x)


class Block(nn.Module):
    """Convolutions, then what acts on the frequency axis, if anything does."""

    def __init__(self, tfc: nn.Module, frequency: nn.Module | None) -> None:
        super().__init__()
        self.tfc = tfc
        self.frequency = frequency

    def forward(self, x: Tensor, embedding: Tensor | None, modulate: Modulate | None) -> Tensor:
        """[B, C_in, T, F] -> [B, C, T, F]."""
        x = self.tfc(x)
        if modulate is not None:
            x = modulate(x)
        if isinstance(self.frequency, LaSAFT | LightSAFT):
            return self.frequency(x, embedding)
        return x if self.frequency is None else self.frequency(x)


class TDFBlock(nn.Module):
    """TDF alone; a 1 x 1 convolution brings a decoder's channels back to their number."""

    def __init__(self, in_channels: int, channels: int, num_bins: int, options: TDFOptions) -> None:
        super().__init__()
        self.tdf = TDF(in_channels, num_bins, num_bins, options)
        narrows = in_channels != channels
        self.narrowing = nn.Conv2d(in_channels, channels, 1) if narrows else nn.Identity()

    def forward(self, x: Tensor, _embedding: Tensor | None, _modulate: Modulate | None) -> Tensor:
        """[B, C_in, T, F] -> [B, C, T, F]."""
        return self.narrowing(self.tdf(x))


def build_block(
    block: str, in_channels: int, channels: int, num_bins: int, config: NetworkConfig
) -> nn.Module:
    """One of `config.BLOCKS` for `num_bins` bins, [B, in_channels, T, F] -> [B, channels, T, F]."""
    convolution, _, frequency = block.partition("-")
    if convolution == "tdf":
        return TDFBlock(in_channels, channels, num_bins, _tdf_options(config))
    tfc = TFC(
        in_channels,
        channels,
        config.num_conv_layers,
        kernel_size=(1, config.kernel_size[1]) if convolution == "tdc" else config.kernel_size,
        activation=ACTIVATIONS[config.activation],
    )
    return Block(tfc, _FREQUENCY[frequency](channels, num_bins, config))


def _tdf_options(config: NetworkConfig) -> TDFOptions:
    return TDFOptions(
        bottleneck_factor=config.bottleneck_factor,
        min_units=config.min_units,
        bias=config.tdf_bias,
        affine=config.tdf_affine,
        activation=ACTIVATIONS[config.activation],
    )


def _residual_tdf(channels: int, num_bins: int, config: NetworkConfig) -> nn.Module:
    return ResidualTDF(TDF(channels, num_bins, num_bins, _tdf_options(config)))


def _rnn(channels: int, num_bins: int, config: NetworkConfig) -> nn.Module:
    return RNN(
        channels,
        num_bins,
        GRUOptions(
            hidden=max(num_bins // config.rnn_bottleneck_factor, config.min_rnn_units),
            num_layers=config.num_rnn_layers,
            bias=config.rnn_bias,
            bidirectional=config.is_bidirectional,
        ),
        _tdf_options(config),
    )


_FrequencyPart = Callable[[int, int, NetworkConfig], nn.Module | None]


def _attentive(kind: type[LaSAFT | LightSAFT]) -> _FrequencyPart:
    def build(channels: int, num_bins: int, config: NetworkConfig) -> nn.Module:
        sizes = (config.condition_dim, config.key_dim, config.num_latents)
        return kind(channels, num_bins, _tdf_options(config), sizes)

    return build


_FREQUENCY: dict[str, _FrequencyPart] = {
    "": lambda _channels, _bins, _config: None,
    "tdf": _residual_tdf,
    "rnn": _rnn,
    "lasaft": _attentive(LaSAFT),
    "lightsaft": _attentive(LightSAFT),
}
