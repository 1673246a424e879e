"""The published LaSAFT checkpoints (Lightning layout): hyper-parameters and state dictionary.

Only the GPoCM + LaSAFT network is known here. Names are translated, never guessed: a file
whose tensors do not fit exactly is refused.
"""

import ast
import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from lasaft_core.checkpoints.native import config_from
from lasaft_core.errors import UnreadableCheckpoint, UnsupportedCheckpoint
from lasaft_core.models import CUNetConfig

_PREFIX = "spec2spec."
_OURS = re.compile(r"^((?:encoders|decoders)\.\d+|mid_block)\.(tdfs|keys|linear_query)\b")
# Tensors that only a GPoCM + LaSAFT network has.
_MARKS = {"condition_generator.linear_gamma.2.running_mean", "mid_block.lasaft.keys"}
_NAMES = {
    "n_fft": "n_fft",
    "hop_length": "hop_samples",
    "num_frame": "num_frames",
    "n_blocks": "num_blocks",
    "internal_channels": "internal_channels",
    "n_internal_layers": "num_tfc_layers",
    "embedding_dim": "embedding_dim",
    "control_n_layer": "num_control_layers",
    "bn_factor": "bottleneck_factor",
    "min_bn_units": "min_units",
    "num_tdfs": "num_latents",
    "dk": "key_dim",
}
# What the network of this project does; a file that says otherwise is another network.
_FIXED = {
    "spec_type": ("complex",),
    "spec_est_mode": ("mapping",),
    "condition_to": ("decoder",),
    "control_vector_type": ("embedding",),
    "control_type": ("dense",),
    "pocm_type": ("matmul",),
    "pocm_norm": ("batch_norm",),
    "first_conv_activation": ("relu",),
    "last_activation": ("identity",),
    "tfc_tdf_activation": ("relu",),
    "tfc_tdf_bias": (False,),
    "input_channels": (4,),
    "t_down_layers": (None,),
}


def translate(content: object, name: str) -> tuple[CUNetConfig, dict[str, Tensor]]:
    """Config and tensors of a published checkpoint's content, as `unpickling` read it.

    Raises UnreadableCheckpoint where no tensors are left, UnsupportedCheckpoint where they
    belong to another network.
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
    ours = {_rename(k): v for k, v in tensors.items() if k.startswith(_PREFIX)}
    if not set(ours) >= _MARKS:
        raise UnsupportedCheckpoint(
            f"checkpoint {name}",
            expected="a GPoCM + LaSAFT network",
            got=f"tensors such as {next(iter(tensors))}",
            remedy="use a checkpoint of the family cunet-gpocm-lasaft",
        )
    return _config(content.get("hyper_parameters"), name), ours


def _items(state: object) -> list[tuple[str, object]]:
    return [(str(k), v) for k, v in state.items()] if isinstance(state, Mapping) else []


def _rename(key: str) -> str:
    return _OURS.sub(r"\1.lasaft.\2", key.removeprefix(_PREFIX))


def _config(hyper_parameters: object, name: str) -> CUNetConfig:
    if not isinstance(hyper_parameters, Mapping):
        raise UnsupportedCheckpoint(
            f"checkpoint {name}", expected="its hyper_parameters", got="none in the file"
        )
    values = {str(k): _literal(v) for k, v in hyper_parameters.items()}
    for key, allowed in _FIXED.items():
        if key in values and values[key] not in allowed:
            raise UnsupportedCheckpoint(
                f"checkpoint {name}, {key}", expected=allowed[0], got=values[key]
            )
    kernel = (values.get("kernel_size_t", 3), values.get("kernel_size_f", 3))
    known = {ours: values[theirs] for theirs, ours in _NAMES.items() if theirs in values}
    return config_from({**known, "kernel_size": kernel}, name)


def _literal(value: Any) -> Any:
    """Lists and numbers often stand as text: '[0, 2, 4]'."""
    if isinstance(value, str):
        try:
            return ast.literal_eval(value)
        except (ValueError, SyntaxError):
            return value
    return value
