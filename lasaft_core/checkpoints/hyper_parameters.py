"""Published hyper-parameters by this project's names."""

import ast
from collections.abc import Mapping
from typing import Any, Final

_NAMES: Final = {
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
    "num_layers_rnn": "num_rnn_layers",
    "bias_rnn": "rnn_bias",
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
    "gamma_activation": "gamma_activation",
    "beta_activation": "beta_activation",
}
_ACTIVATIONS: Final = {
    "tfc": "tfc_activation",
    "tdc": "tdc_activation",
    "tdf": "tdf_activation",
    "tdc-rnn": "tdc_rnn_activation",
    "tfc-rnn": "tfc_rnn_activation",
}
_LONGEST_LITERAL: Final = 1000
_ANY_ACTIVATION: Final = "tfc_tdf_activation"
_CONSULTED: Final = {
    "input_channels", "target_name", "film_type", "pocm_type", "pocm_norm", "control_vector_type",
    "control_input_dim", "t_down_layers", "kernel_size_t", "kernel_size_f",
}  # fmt: skip


def given_values(theirs: Mapping[str, Any], block: str) -> dict[str, Any]:
    """Fields of `NetworkConfig` that the hyper-parameters of a file name."""
    values = {
        ours: theirs[key]
        for key, ours in _NAMES.items()
        if key in theirs and (theirs[key] is not None or key == "bn_factor")
    }
    activation = _ACTIVATIONS.get(block, _ANY_ACTIVATION)
    if theirs.get(activation) is not None:
        values["activation"] = theirs[activation]
    if theirs.get("target_name"):
        values["targets"] = (theirs["target_name"],)
    return values


def ignored_names(theirs: Mapping[str, Any], block: str) -> tuple[str, ...]:
    """Those that say nothing of the network: the training's, the logger's ..."""
    known = {*_NAMES, *_CONSULTED, _ACTIVATIONS.get(block, _ANY_ACTIVATION)}
    return tuple(sorted(name for name in theirs if name not in known))


def literal(value: Any) -> Any:
    """Lists and numbers often stand as text: '[0, 2, 4]'."""
    if isinstance(value, str) and len(value) <= _LONGEST_LITERAL:
        try:
            return ast.literal_eval(value)
        except (ValueError, SyntaxError, MemoryError, RecursionError):  # the latter of nesting
            return value
    return value
