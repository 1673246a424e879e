"""The blocks of a network by the names that its checkpoints give them, and by number."""

from collections.abc import Sequence

from torch import nn

from lasaft_core.errors import InvalidOption
from lasaft_core.models import UNet
from lasaft_core.models.blocks import Block, TDFBlock


def named_blocks(network: UNet) -> dict[str, nn.Module]:
    """encoders.0 ... mid_block ... decoders.n, in the order of their work."""
    return {
        **{f"encoders.{level}": block for level, block in enumerate(network.encoders)},
        "mid_block": network.mid_block,
        **{f"decoders.{place}": block for place, block in enumerate(network.decoders)},
    }


def frequency_parts(network: UNet) -> dict[str, nn.Module]:
    """What acts on the frequency axis of each block, of those blocks that have such a part."""
    parts = {name: _frequency_part(block) for name, block in named_blocks(network).items()}
    return {name: part for name, part in parts.items() if part is not None}


def _frequency_part(block: nn.Module) -> nn.Module | None:
    if isinstance(block, TDFBlock):
        return block.tdf
    return block.frequency if isinstance(block, Block) else None


def choose(names: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """The wanted ones by name or number (from 0), in the network's order; none wanted: all.

    Raises InvalidOption, which lists the names.
    """
    by_word = {**{str(number): name for number, name in enumerate(names)}, **{n: n for n in names}}
    for word in wanted:
        if word not in by_word:
            expected = f"{' | '.join(names)}, or 0 to {len(names) - 1}"
            raise InvalidOption("block", expected=expected, got=word)
    chosen = {by_word[word] for word in wanted} or set(names)
    return [name for name in names if name in chosen]
