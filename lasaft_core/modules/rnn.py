"""The recurrent frequency block of TDC-RNN and TFC-RNN: arXiv 1912.02591, section 3.1.5.

Legend: B batch, C channels, T frames, F bins.
"""

from torch import Tensor, nn

from lasaft_core.modules.tdf import TDF, TDFOptions


class RNN(nn.Module):
    """A GRU over the frames of every channel, then a TDF back to its bins; added to its input.

    The input is batch-normalised first, and it is the normalised input that is added.
    """

    def __init__(
        self, channels: int, num_bins: int, *, hidden: int, bidirectional: bool, tdf: TDFOptions
    ) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(channels)
        self.rnn = nn.GRU(num_bins, hidden, batch_first=True, bidirectional=bidirectional)
        self.tdf = TDF(channels, hidden * (1 + bidirectional), num_bins, tdf)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, T, F] -> the same shape."""
        x = self.bn(x)
        sequence, _ = self.rnn(x.flatten(0, 1))  # B * C, T, hidden * directions
        return x + self.tdf(sequence.unflatten(0, x.shape[:2]))
