"""Channel policy: networks are stereo, songs are not always.

Mono becomes two equal channels and is folded back to one. More than two channels are refused
or downmixed as ITU-R BS.775 says: L + (C + Ls) / sqrt 2, likewise right, without the LFE.
"""

from typing import Final

import numpy as np

from lasaft_core.audio.blocks import Block
from lasaft_core.errors import UnsupportedChannels

CHANNEL_POLICIES: Final = ("skip", "downmix")

HALF_POWER: Final = 0.5**0.5
WEIGHTS: Final = {  # left, right
    "FL": (1.0, 0.0),
    "FR": (0.0, 1.0),
    "FC": (HALF_POWER, HALF_POWER),
    "LFE": (0.0, 0.0),
    "LFE2": (0.0, 0.0),
    "BL": (HALF_POWER, 0.0),
    "BR": (0.0, HALF_POWER),
    "SL": (HALF_POWER, 0.0),
    "SR": (0.0, HALF_POWER),
    "FLC": (1.0, 0.0),
    "FRC": (0.0, 1.0),
    "BC": (0.5, 0.5),
    "DL": (1.0, 0.0),
    "DR": (0.0, 1.0),
}
# WAVE order, for files that name no channels.
DEFAULT_LAYOUTS: Final = {
    3: ("FL", "FR", "FC"),
    4: ("FL", "FR", "BL", "BR"),
    5: ("FL", "FR", "FC", "BL", "BR"),
    6: ("FL", "FR", "FC", "LFE", "BL", "BR"),
    7: ("FL", "FR", "FC", "LFE", "BC", "SL", "SR"),
    8: ("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR"),
}


class ChannelMap:
    """One source's way to stereo; raises UnsupportedChannels when it is made."""

    def __init__(self, channels: int, policy: str, layout: tuple[str, ...] = ()) -> None:
        self.source_channels = channels
        self.stem_channels = min(channels, 2)
        self._matrix = downmix_matrix(channels, policy, layout) if channels > 2 else None

    def to_stereo(self, block: Block) -> Block:
        """[samples, source channels] to [samples, 2]."""
        if self._matrix is not None:
            return block @ self._matrix
        return np.repeat(block, 2, axis=1) if self.source_channels == 1 else block

    def from_stereo(self, block: Block) -> Block:
        """[samples, 2] to [samples, stem channels]: mono as the mean of both."""
        return block.mean(axis=1, keepdims=True) if self.stem_channels == 1 else block


def downmix_matrix(channels: int, policy: str, layout: tuple[str, ...]) -> Block:
    """Float32 [source channels, 2]."""
    if policy == "skip":
        raise _unsupported(f"{channels} channels", "--channels downmix would take it")
    names = layout if WEIGHTS.keys() >= set(layout) and layout else DEFAULT_LAYOUTS.get(channels)
    if names is None:
        raise _unsupported(f"{channels} channels of unknown places", "mix it to stereo first")
    return np.array([WEIGHTS[name] for name in names], np.float32)


def _unsupported(got: str, remedy: str) -> UnsupportedChannels:
    return UnsupportedChannels("too many channels", expected="1 or 2", got=got, remedy=remedy)
