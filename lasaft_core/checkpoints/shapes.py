"""What a network's tensors tell of its hyper-parameters; names and forms as `names.py` gives them.

Not told by any tensor: activations, hop and frames, masking or mapping, and n_fft where no block
has linears on the frequency axis.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from torch import Tensor

from lasaft_core.musdb import TARGETS

Tensors = Mapping[str, Tensor]
_MARKS: Final = {
    "frequency.tdfs.tdf.0.weight": "-lasaft",
    "frequency.bottleneck.0.weight": "-lightsaft",
    "frequency.bn.weight": "-rnn",
    "frequency.tdf.tdf.0.weight": "-tdf",
}
_PUBLISHED_FLOOR: Final = 16
_LINEARS: Final = {
    "tdf": "tdf.tdf",
    "tfc-tdf": "frequency.tdf.tdf",
    "tdc-rnn": "frequency.tdf.tdf",
    "tfc-rnn": "frequency.tdf.tdf",
    "tfc-lasaft": "frequency.tdfs.tdf",
}


def block_of(tensors: Tensors, *, is_one_dimensional: bool) -> str | None:
    """The kind of block, as `NetworkConfig.block`; None for a network of another kind."""
    if "mid_block.tfc.H.0.0.weight" not in tensors:
        return "tdf" if "mid_block.tdf.tdf.0.weight" in tensors else None
    convolution = "tdc" if is_one_dimensional else "tfc"
    found = (kind for mark, kind in _MARKS.items() if f"mid_block.{mark}" in tensors)
    return convolution + next(found, "")


def shape_values(tensors: Tensors, block: str) -> dict[str, Any]:
    """Fields of `NetworkConfig` that the tensors decide."""
    first = tensors["first_conv.0.weight"]
    levels = len({name.split(".")[1] for name in tensors if name.startswith("encoders.")})
    places = [*(f"encoders.{level}" for level in range(levels)), "mid_block"]
    return {
        "block": block,
        "num_blocks": 2 * levels + 1,
        "internal_channels": first.shape[0],
        "tdf_affine": _is_affine(tensors),
        "halving_levels": _halving_levels(tensors, levels),
        **_convolutions(tensors, is_one_dimensional=block.startswith("tdc")),
        **_linears(tensors, block, places),
        **(_recurrence(tensors, places) if block.endswith("-rnn") else {}),
        **_condition(tensors, levels, first.shape[0]),
    }


def _convolutions(tensors: Tensors, *, is_one_dimensional: bool) -> dict[str, Any]:
    kernel = tensors.get("mid_block.tfc.H.0.0.weight")
    if kernel is None:
        return {}
    layers = {n.split(".")[3] for n in tensors if n.startswith("mid_block.tfc.H.")}
    frames, bins = kernel.shape[2:]
    size = (bins, bins) if is_one_dimensional else (frames, bins)  # TDC's frames do not count
    return {"kernel_size": size, "num_conv_layers": len(layers)}


def _linears(tensors: Tensors, block: str, places: Sequence[str]) -> dict[str, Any]:
    """Widths of the first linear are bins, or bins times latents; those of its output units."""
    latents = tensors["mid_block.frequency.keys"].shape[1] if "saft" in block else 1
    if block == "tfc-lightsaft":
        weights = [tensors[f"{place}.frequency.bottleneck.0.weight"] for place in places]
        pairs = [(w.shape[1], w.shape[0] // latents) for w in weights]
        bias = "mid_block.frequency.bottleneck.0.bias" in tensors
        return {"tdf_bias": bias, "n_fft": 2 * pairs[0][0], **_bottleneck(pairs)}
    if block not in _LINEARS:
        return {}
    part = _LINEARS[block]
    bias = f"mid_block.{part}.0.bias" in tensors
    if f"mid_block.{part}.3.weight" not in tensors:  # a single linear
        bins = tensors[f"{places[0]}.{part}.0.weight"].shape[0] // latents
        return {"tdf_bias": bias, "n_fft": 2 * bins, "bottleneck_factor": None}
    seconds = [tensors[f"{place}.{part}.3.weight"] for place in places]
    pairs = [(second.shape[0], second.shape[1]) for second in seconds]
    return {"tdf_bias": bias, "n_fft": 2 * pairs[0][0] // latents, **_bottleneck(pairs)}


def _bottleneck(pairs: Sequence[tuple[int, int]]) -> dict[str, int]:
    """(width, units) of every level -> a factor and a floor that give those units."""
    factor, floor = _factor_and_floor(pairs)
    return {"bottleneck_factor": factor, "min_units": floor}


def _factor_and_floor(pairs: Sequence[tuple[int, int]]) -> tuple[int, int]:
    width, units = pairs[0]
    factor = max(1, width // units)
    unseen = min(_PUBLISHED_FLOOR, *(units for _, units in pairs))
    floor = next((u for w, u in pairs if u != w // factor), unseen)
    if all(u == max(w // factor, floor) for w, u in pairs):
        return factor, floor
    return max(factor, width), units  # the floor everywhere


def _recurrence(tensors: Tensors, places: Sequence[str]) -> dict[str, Any]:
    weights = "frequency.rnn.weight_hh_l"
    pairs = [
        (
            tensors[f"{place}.frequency.rnn.weight_ih_l0"].shape[1],
            tensors[f"{place}.{weights}0"].shape[1],
        )
        for place in places
    ]
    factor, floor = _factor_and_floor(pairs)
    layers = [n for n in tensors if re.fullmatch(rf"mid_block\.{re.escape(weights)}\d+", n)]
    return {
        "rnn_bottleneck_factor": factor,
        "min_rnn_units": floor,
        "num_rnn_layers": len(layers),
        "rnn_bias": "mid_block.frequency.rnn.bias_ih_l0" in tensors,
        "is_bidirectional": f"mid_block.{weights}0_reverse" in tensors,
    }


def _condition(tensors: Tensors, levels: int, channels: int) -> dict[str, Any]:
    gammas = tensors.get("condition_generator.linear_gamma.0.weight")
    if gammas is None:
        return {"modulation": "none"}
    control = "condition_generator.dense_control_block.linear."
    linears = [n for n, t in tensors.items() if n.startswith(control) and t.ndim == 2]
    betas = tensors["condition_generator.linear_beta.0.weight"]
    modulation, blocks = _modulation(gammas.shape[0], betas.shape[0], levels, channels)
    embedding = tensors.get("embedding.weight")
    width = tensors[min(linears)].shape[1] if linears else gammas.shape[1]
    values: dict[str, Any] = {
        "modulation": modulation,
        "num_control_layers": len(linears) + 1,
        "normalises_modulation": "condition_generator.linear_gamma.2.running_mean" in tensors,
        "condition": "one-hot" if embedding is None else "embedding",
        "targets": _target_names(width if embedding is None else embedding.shape[0]),
    }
    if blocks == 2 * levels + 1:
        values["condition_to"] = "full"
    if embedding is not None:
        values["embedding_dim"] = embedding.shape[1]
    if "mid_block.frequency.keys" in tensors:
        keys = tensors["mid_block.frequency.keys"]
        values |= {"key_dim": keys.shape[0], "num_latents": keys.shape[1]}
    return values


def _modulation(gammas: int, betas: int, levels: int, channels: int) -> tuple[str, int]:
    """Kind and number of modulated blocks; PoCM looks like GPoCM and is taken for it."""
    if gammas == betas and betas in (levels, 2 * levels + 1):
        return "film-simple", betas
    return "film" if gammas == betas else "gpocm", betas // channels


def _target_names(count: int) -> tuple[str, ...]:
    """The published order; what lies beyond it gets numbers."""
    return (*TARGETS, *(f"source-{i}" for i in range(len(TARGETS), count)))[:count]


def _is_affine(tensors: Tensors) -> bool:
    """Whether the batch norms behind the linears scale and shift."""
    norms = [k for k in tensors if re.search(r"(tdf|bottleneck)\.1\.running_mean$", k)]
    return not norms or norms[0].replace("running_mean", "weight") in tensors


def _halving_levels(tensors: Tensors, levels: int) -> tuple[int, ...]:
    weights = [tensors.get(f"downsamplings.{level}.0.weight") for level in range(levels)]
    return tuple(level for level, w in enumerate(weights) if w is not None and w.shape[2] == 2)
