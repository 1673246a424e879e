"""How much each target listens to each latent source: equation 4 of arXiv 2010.11631."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from lasaft_core.errors import InvalidOption
from lasaft_core.models import UNet
from lasaft_core.modules.lasaft import LatentAttention
from lasaft_core.plots.blocks import choose, frequency_parts


def latent_attention(
    network: UNet, *, blocks: Sequence[str] = ()
) -> dict[str, NDArray[np.float32]]:
    """By block: [targets, latent sources], rows sum to 1.

    Raises InvalidOption for a network without attention and for blocks that it has not.
    """
    parts = {
        name: part
        for name, part in frequency_parts(network).items()
        if isinstance(part, LatentAttention)
    }
    if not parts:
        raise InvalidOption(
            "network",
            expected="attention over latent sources (blocks LaSAFT or LightSAFT)",
            got=f"{network.config.block} blocks",
            remedy="give a checkpoint of one of these",
        )
    chosen = choose([*parts], blocks)
    with torch.inference_mode():
        embedding = network.embed(torch.arange(len(network.config.targets)))
        assert embedding is not None, "attention needs a condition"
        return {name: parts[name].attention(embedding).numpy() for name in chosen}
