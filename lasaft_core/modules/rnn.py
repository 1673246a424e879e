"""The recurrent frequency block of TDC-RNN and TFC-RNN: arXiv 1912.02591, section 3.1.5.

Legend: B batch, C channels, T frames, F bins.
"""

from dataclasses import dataclass

from torch import Tensor, nn

from lasaft_core.modules.tdf import TDF, TDFOptions


@dataclass(frozen=True, slots=True)
class GRUOptions:
    """Of the recurrent layers; `hidden` units in each direction."""

    hidden: int
    num_layers: int = 1
    bias: bool = True
    bidirectional: bool = True


class RNN(nn.Module):
    """A GRU over the frames of every channel, then a TDF back to its bins; added to its input.

    The input is batch-normalised first, and it is the normalised input that is added.
    """

    def __init__(self, channels: int, num_bins: int, gru: GRUOptions, tdf: TDFOptions) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(channels)
        self.rnn = nn.GRU(
            num_bins,
            gru.hidden,
            gru.num_layers,
            bias=gru.bias,
            batch_first=True,
            bidirectional=gru.bidirectional,
        )
        self.tdf = TDF(channels, gru.hidden * (1 + gru.bidirectional), num_bins, tdf)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, T, F] -> the same shape."""
        x = self.bn(x)
        sequence, _ = self.rnn(x.flatten(0, 1))  # B * C, T, hidden * directions
        return x + self.tdf(sequence.unflatten(0, x.shape[:2]))
