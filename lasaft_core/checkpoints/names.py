"""The published tensors' names and forms as this project's.

Names are translated, never guessed: what does not fit stays as it is, and is refused later.
"""

import re
from collections.abc import Mapping
from typing import Final

from torch import Tensor

_FIRST: Final = "first_conv.0.weight"
_BLOCK: Final = r"^((?:encoders|decoders)\.\d+|mid_block)\."
_RENAMED: Final = [
    (re.compile(_BLOCK + pattern), replacement)
    for pattern, replacement in (
        (r"H\.", r"\1.tfc.H."),
        (r"tic\.", r"\1.tfc."),
        (r"(?:tdf|tif)\.(?:tdf|tif)\.", r"\1.frequency.tdf.tdf."),
        (r"tif_f1_to_f2\.tif\.", r"\1.frequency.tdf.tdf."),
        (r"(?:0\.)?tif\.", r"\1.tdf.tdf."),
        (r"1\.", r"\1.narrowing."),
        (r"LaSAFT_bn_layer\.", r"\1.frequency.bottleneck."),
        (r"LaSIFT\.", r"\1.frequency.expansion."),
        (r"(tdfs|keys|linear_query|bn|rnn)\b", r"\1.frequency.\2"),
    )
]
_ELSEWHERE: Final = {
    "downsampling.": "downsamplings.",
    "upsampling.": "upsamplings.",
    "final_conv.": "last_conv.",
}


def network_tensors(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Those of the U-Net, without the prefix that they share (`spec2spec.`, `module.` ...).

    All tensors where there is no first convolution to know the prefix by.
    """
    prefix = next((name.removesuffix(_FIRST) for name in state if name.endswith(_FIRST)), "")
    return {name.removeprefix(prefix): t for name, t in state.items() if name.startswith(prefix)}


def is_of_notebooks(tensors: Mapping[str, Tensor]) -> bool:
    """The first notebooks' networks have their outer convolutions on [bins, frames]."""
    first = tensors.get(_FIRST)
    return first is not None and first.ndim == 4 and first.shape[2:] == (2, 1)


def has_one_dimensional_convolutions(tensors: Mapping[str, Tensor]) -> bool:
    """TDC's, along frequency alone; tensors as published."""
    return any(t.ndim == 3 and ".H." in name for name, t in tensors.items())


def translated(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """With this project's names; all convolutions two-dimensional, frames first."""
    return {_renamed(name): _unfolded(tensor) for name, tensor in tensors.items()}


def transposed_gammas(tensors: Mapping[str, Tensor], channels: int) -> dict[str, Tensor]:
    """Gammas of the published `naive` PoCM, which multiply from the left, for ours from the right.

    Outputs of the last linear, [blocks * C * C, ...], have their two channel axes exchanged.
    """
    return {
        name: tensor.unflatten(0, (-1, channels, channels)).transpose(1, 2).flatten(0, 2)
        if name.startswith("condition_generator.linear_gamma.") and tensor.ndim
        else tensor
        for name, tensor in tensors.items()
    }


def _renamed(name: str) -> str:
    for theirs, ours in _ELSEWHERE.items():
        if name.startswith(theirs):
            name = ours + name.removeprefix(theirs)
    if name.startswith(("downsamplings.", "upsamplings.")):
        return name.replace(".conv.", ".0.").replace(".bn.", ".1.")
    for pattern, replacement in _RENAMED:
        renamed, found = pattern.subn(replacement, name)
        if found:
            return renamed
    return name


def _unfolded(tensor: Tensor) -> Tensor:
    if tensor.ndim == 3:
        return tensor.unsqueeze(2)
    if tensor.ndim == 4 and tensor.shape[2:] == (2, 1):
        return tensor.transpose(2, 3)
    return tensor
