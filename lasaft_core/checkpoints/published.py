"""The published checkpoints of both papers (Lightning layout): names and hyper-parameters.

Names are translated, never guessed: a file whose tensors do not fit exactly is refused. What
the hyper-parameters leave open is read off the tensors' names and shapes.
"""

import ast
import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from lasaft_core.checkpoints.native import config_from
from lasaft_core.errors import UnreadableCheckpoint, UnsupportedCheckpoint
from lasaft_core.models import NetworkConfig

_PREFIX = "spec2spec."
_BLOCK = r"^((?:encoders|decoders)\.\d+|mid_block)\."
_RENAMED = [
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
_SAMPLING = {".conv.": ".0.", ".bn.": ".1."}
_NAMES = {
    "n_fft": "n_fft",
    "hop_length": "hop_samples",
    "num_frame": "num_frames",
    "n_blocks": "num_blocks",
    "internal_channels": "internal_channels",
    "n_internal_layers": "num_conv_layers",
    "embedding_dim": "embedding_dim",
    "control_n_layer": "num_control_layers",
    "condition_to": "condition_to",
    "bn_factor": "bottleneck_factor",
    "bn_factor_tdf": "bottleneck_factor",
    "bn_factor_rnn": "rnn_bottleneck_factor",
    "min_bn_units": "min_units",
    "min_bn_units_rnn": "min_rnn_units",
    "bidirectional": "is_bidirectional",
    "bias": "tdf_bias",
    "tfc_tdf_bias": "tdf_bias",
    "bias_tdf": "tdf_bias",
    "num_tdfs": "num_latents",
    "dk": "key_dim",
    "spec_type": "spectrogram",
    "spec_est_mode": "estimation",
    "first_conv_activation": "first_activation",
    "last_activation": "last_activation",
    "tfc_activation": "activation",
    "tdc_activation": "activation",
    "tfc_tdf_activation": "activation",
    "gamma_activation": "gamma_activation",
    "beta_activation": "beta_activation",
}


def translate(content: object, name: str) -> tuple[NetworkConfig, dict[str, Tensor]]:
    """Config and tensors of a published checkpoint's content, as `unpickling` read it.

    Raises UnreadableCheckpoint where no tensors are left, UnsupportedCheckpoint where they
    belong to another kind of network.
    """
    if not isinstance(content, Mapping):
        content = {}
    state = content.get("state_dict")
    tensors = {k: v for k, v in _items(state) if isinstance(v, Tensor)}
    if not tensors:
        raise UnreadableCheckpoint(
            f"checkpoint {name}",
            expected="a Lightning checkpoint with tensors in `state_dict`",
            got=f"keys {sorted(map(str, content))[:8]}",
            remedy="give the .ckpt file as published",
        )
    ours = {_rename(k): _unfolded(v) for k, v in tensors.items() if k.startswith(_PREFIX)}
    block = _block(ours)
    hyper_parameters = content.get("hyper_parameters")
    if block is None or not isinstance(hyper_parameters, Mapping):
        raise UnsupportedCheckpoint(
            f"checkpoint {name}",
            expected="a TFC-TDF or LaSAFT U-Net with its hyper_parameters",
            got=f"tensors such as {next(iter(tensors))}",
            remedy="give a checkpoint of one of the two papers",
        )
    values = {str(k): _literal(v) for k, v in hyper_parameters.items()}
    return config_from(_values(values, block, ours), name), ours


def _items(state: object) -> list[tuple[str, object]]:
    return [(str(k), v) for k, v in state.items()] if isinstance(state, Mapping) else []


def _rename(key: str) -> str:
    key = key.removeprefix(_PREFIX)
    for pattern, replacement in _RENAMED:
        renamed, found = pattern.subn(replacement, key)
        if found:
            return renamed
    if "samplings." in key:
        for theirs, ours in _SAMPLING.items():
            key = key.replace(theirs, ours)
    return key


def _unfolded(tensor: Tensor) -> Tensor:
    """A 1-D convolution along frequency is a 2-D one of a single frame."""
    return tensor.unsqueeze(2) if tensor.ndim == 3 else tensor


def _block(tensors: Mapping[str, Tensor]) -> str | None:
    first = tensors.get("mid_block.tfc.H.0.0.weight")
    if first is None:
        return "tdf" if "mid_block.tdf.tdf.0.weight" in tensors else None
    convolution = "tdc" if first.shape[2] == 1 else "tfc"
    for mark, frequency in (
        ("frequency.tdfs.tdf.0.weight", "-lasaft"),
        ("frequency.bottleneck.0.weight", "-lightsaft"),
        ("frequency.bn.weight", "-rnn"),
        ("frequency.tdf.tdf.0.weight", "-tdf"),
    ):
        if f"mid_block.{mark}" in tensors:
            return convolution + frequency
    return convolution


def _values(theirs: Mapping[str, Any], block: str, tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    values = {ours: theirs[key] for key, ours in _NAMES.items() if key in theirs}
    if "kernel_size_f" in theirs:
        values["kernel_size"] = (theirs.get("kernel_size_t", 1), theirs["kernel_size_f"])
    values["audio_channels"] = theirs.get("input_channels", 4) // (
        1 if values.get("spectrogram") == "magnitude" else 2
    )
    values |= {"block": block, "tdf_affine": _is_affine(tensors)}
    values["halving_levels"] = _halving_levels(tensors)
    if "condition_generator.linear_gamma.0.weight" in tensors:
        return values | _condition(theirs, tensors)
    targets = (theirs.get("target_name") or "vocals",)
    return values | {"modulation": "none", "targets": targets}


def _condition(theirs: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    gammas = tensors["condition_generator.linear_gamma.0.weight"].shape[0]
    betas = tensors["condition_generator.linear_beta.0.weight"].shape[0]
    if gammas != betas:
        modulation = "gpocm"
    else:
        modulation = "film-simple" if theirs.get("film_type") == "simple" else "film"
    return {
        "modulation": modulation,
        "normalises_modulation": "condition_generator.linear_gamma.2.running_mean" in tensors,
        "condition": "embedding" if "embedding.weight" in tensors else "one-hot",
    }


def _is_affine(tensors: Mapping[str, Tensor]) -> bool:
    """Whether the batch norms behind the linears scale and shift."""
    norms = [k for k in tensors if re.search(r"(tdf|bottleneck)\.1\.running_mean$", k)]
    return not norms or norms[0].replace("running_mean", "weight") in tensors


def _halving_levels(tensors: Mapping[str, Tensor]) -> tuple[int, ...]:
    levels = [
        int(k.split(".")[1]) for k in tensors if re.match(r"downsamplings\.\d+\.0\.weight", k)
    ]
    return tuple(
        level
        for level in sorted(levels)
        if tensors[f"downsamplings.{level}.0.weight"].shape[2] == 2
    )


def _literal(value: Any) -> Any:
    """Lists and numbers often stand as text: '[0, 2, 4]'."""
    if isinstance(value, str):
        try:
            return ast.literal_eval(value)
        except (ValueError, SyntaxError):
            return value
    return value
