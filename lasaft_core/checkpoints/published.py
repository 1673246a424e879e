"""The published checkpoints of both papers: names and hyper-parameters.

Two layouts: Lightning's, with `state_dict` and `hyper_parameters`, and the first notebooks' bare
state dictionary (librosa-style STFT without centring, each side's parts together, the first and
the last convolution on [bins, frames]).

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
_ELSEWHERE = {
    "downsampling.": "downsamplings.",
    "upsampling.": "upsamplings.",
    "final_conv.": "last_conv.",
}
# What the notebooks' files do not say; a file of another making is given options.
_NOTEBOOK = {
    "n_fft": 2048,
    "hop_samples": 1024,
    "num_frames": 64,
    "is_centered": False,
    "channel_order": "sides",
}
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
    values, tensors = _parts(content)
    if not tensors:
        raise UnreadableCheckpoint(
            f"checkpoint {name}",
            expected="tensors in `state_dict`, or nothing but tensors",
            got=f"keys {sorted(map(str, content))[:8]}"
            if isinstance(content, Mapping)
            else content,
            remedy="give the file as published",
        )
    ours = {_rename(k): _unfolded(v) for k, v in tensors.items()}
    block = _block(ours)
    if block is None:
        raise UnsupportedCheckpoint(
            f"checkpoint {name}",
            expected="a TFC-TDF or LaSAFT U-Net",
            got=f"tensors such as {next(iter(tensors))}",
            remedy="give a checkpoint of one of the two papers",
        )
    if values is None:
        return config_from(_notebook_values(block, ours), name), ours
    return config_from(_values(values, block, ours), name), ours


def _parts(content: object) -> tuple[dict[str, Any] | None, dict[str, Tensor]]:
    """Hyper-parameters (None in a bare state dictionary) and the network's tensors."""
    if not isinstance(content, Mapping):
        return None, {}
    if not isinstance(content.get("state_dict"), Mapping):
        return None, _tensors(content, "module.")
    hyper_parameters = content.get("hyper_parameters")
    given = hyper_parameters if isinstance(hyper_parameters, Mapping) else {}
    tensors = _tensors(content["state_dict"], _PREFIX)
    tensors.pop("stft.stft.window", None)
    return {str(k): _literal(v) for k, v in given.items()}, tensors


def _tensors(state: Mapping[Any, Any], prefix: str) -> dict[str, Tensor]:
    found = ((str(k), v) for k, v in state.items())
    return {k.removeprefix(prefix): v.clone() for k, v in found if isinstance(v, Tensor)}


def _rename(key: str) -> str:
    for theirs, ours in _ELSEWHERE.items():
        if key.startswith(theirs):
            key = ours + key.removeprefix(theirs)
    if key.startswith(("downsamplings.", "upsamplings.")):
        return key.replace(".conv.", ".0.").replace(".bn.", ".1.")
    for pattern, replacement in _RENAMED:
        renamed, found = pattern.subn(replacement, key)
        if found:
            return renamed
    return key


def _unfolded(tensor: Tensor) -> Tensor:
    """Convolutions along frequency alone become two-dimensional, frames first."""
    if tensor.ndim == 3:
        return tensor.unsqueeze(2)
    if tensor.ndim == 4 and tensor.shape[2:] == (2, 1):
        return tensor.transpose(2, 3)
    return tensor


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


def _notebook_values(block: str, tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """Sizes from shapes; the STFT, the frames and the target are the notebooks'."""
    first = tensors["first_conv.0.weight"]
    layers = {k.split(".")[3] for k in tensors if k.startswith("mid_block.tfc.H.")}
    return {
        **_NOTEBOOK,
        "block": block,
        "modulation": "none",
        "targets": ("vocals",),
        "num_blocks": 1 + 2 * len({k.split(".")[1] for k in tensors if k.startswith("encoders.")}),
        "internal_channels": first.shape[0],
        "audio_channels": first.shape[1] // 2,
        "num_conv_layers": max(1, len(layers)),
        "halving_levels": _halving_levels(tensors),
    }


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
