"""The published checkpoints of both papers, and bare state dictionaries of their networks.

Lightning's layout has `state_dict` and, in one of several places, hyper-parameters; the first
notebooks saved the network's state alone (librosa-style STFT without centring, each side's parts
together). What hyper-parameters leave open is read off the tensors, the rest is assumed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from torch import Tensor

from lasaft_core.checkpoints.assumptions import Assumptions, check_agreement, default_values
from lasaft_core.checkpoints.hyper_parameters import given_values, ignored_names, literal
from lasaft_core.checkpoints.names import (
    has_one_dimensional_convolutions,
    is_of_notebooks,
    network_tensors,
    translated,
    transposed_gammas,
)
from lasaft_core.checkpoints.native import config_from
from lasaft_core.checkpoints.shapes import block_of, shape_values
from lasaft_core.errors import UnreadableCheckpoint, UnsupportedCheckpoint
from lasaft_core.models import NetworkConfig

_HYPER_PARAMETERS: Final = ("hyper_parameters", "hparams", "module_arguments")
_LIGHTNING_FACTS: Final = ("pytorch-lightning_version", "epoch", "global_step")
# In these tensors are right and hyper-parameters, at times, not.
_TOLD_BY_TENSORS: Final = {
    "block", "tdf_affine", "halving_levels", "kernel_size", "modulation", "condition",
    "normalises_modulation", "embedding_dim", "tdf_bias", "rnn_bias", "is_bidirectional",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a network's description comes from.

    `facts`: what else the file says of itself. `assumed`: fields that it left open, with the
    values they got. `ignored`: hyper-parameters that say nothing of the network.
    """

    layout: str
    facts: Mapping[str, object] = field(default_factory=dict)
    assumed: Mapping[str, object] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Translation:
    """A published file's network in this project's terms."""

    config: NetworkConfig
    tensors: dict[str, Tensor]
    origin: Origin


def translate(content: object, name: str, assumptions: Assumptions | None = None) -> Translation:
    """From a published file's content, as `unpickling` read it.

    Raises UnreadableCheckpoint where no tensors are left, UnsupportedCheckpoint where they belong
    to another kind of network or disagree with `assumptions`.
    """
    theirs, state = _parts(content)
    if not state:
        raise UnreadableCheckpoint(
            f"checkpoint {name}",
            expected="tensors in `state_dict`, or nothing but tensors",
            got=_described(content),
            remedy="give the file as published",
        )
    published = network_tensors(state)
    of_notebooks, tensors = is_of_notebooks(published), translated(published)
    block = block_of(tensors, is_one_dimensional=has_one_dimensional_convolutions(published))
    if block is None or "first_conv.0.weight" not in tensors:
        raise UnsupportedCheckpoint(
            f"checkpoint {name}",
            expected="a TFC-TDF or LaSAFT U-Net",
            got=f"tensors such as {next(iter(state))}",
            remedy="give a checkpoint of one of the two papers",
        )
    known = _known(theirs, tensors, block, state)
    if theirs.get("pocm_type") == "naive" and known["modulation"] == "gpocm":
        tensors = transposed_gammas(tensors, tensors["first_conv.0.weight"].shape[0])
    looks_alike = {"modulation": known.pop("modulation")} if known["modulation"] == "gpocm" else {}
    given = (assumptions or Assumptions()).given()
    check_agreement(known, given, name)
    channels = tensors["first_conv.0.weight"].shape[1]
    open_values = {
        **default_values(
            {**looks_alike, **given, **known}, channels=channels, of_notebooks=of_notebooks
        ),
        **looks_alike,
    }
    assumed = {k: v for k, v in {**open_values, **given}.items() if k not in known}
    values = {**assumed, **known}
    values["audio_channels"] = channels // (1 if values["spectrogram"] == "magnitude" else 2)
    origin = Origin(
        _layout(content, of_notebooks=of_notebooks),
        _facts(content),
        assumed,
        ignored_names(theirs, block),
    )
    return Translation(config_from(values, name), tensors, origin)


def _known(
    theirs: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    block: str,
    state: Mapping[str, Tensor],
) -> dict[str, Any]:
    """What the file says, by hyper-parameters and by tensors."""
    shapes = shape_values(tensors, block)
    if "stft.stft.window" in state:
        shapes["n_fft"] = state["stft.stft.window"].numel()
    values = {**shapes, **given_values(theirs, block)}
    told = {name: shapes[name] for name in _TOLD_BY_TENSORS if name in shapes}
    if shapes["modulation"] != "none":
        told["targets"] = shapes["targets"]
    return values | told


def _parts(content: object) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Hyper-parameters, none in a bare state dictionary, and all tensors."""
    if not isinstance(content, Mapping):
        return {}, {}
    state = content.get("state_dict")
    if not isinstance(state, Mapping):
        return {}, _tensors(content)
    found = (content.get(place) for place in _HYPER_PARAMETERS)
    given = next((values for values in found if isinstance(values, Mapping)), {})
    return {str(name): literal(value) for name, value in given.items()}, _tensors(state)


def _tensors(state: Mapping[Any, Any]) -> dict[str, Tensor]:
    return {str(name): v.clone() for name, v in state.items() if isinstance(v, Tensor)}


def _layout(content: object, *, of_notebooks: bool) -> str:
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        return "Lightning checkpoint"
    return f"bare state dictionary{' of the first notebooks' if of_notebooks else ''}"


def _facts(content: object) -> dict[str, object]:
    if not isinstance(content, Mapping):
        return {}
    return {
        name.removeprefix("pytorch-"): content[name]
        for name in _LIGHTNING_FACTS
        if isinstance(content.get(name), int | str)
    }


def _described(content: object) -> object:
    if isinstance(content, Mapping):
        return f"keys {sorted(map(str, content))[:8]}"
    return content
