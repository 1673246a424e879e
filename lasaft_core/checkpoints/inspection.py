"""A checkpoint described: what network it is, what it says of itself, what it leaves open."""

from dataclasses import asdict, replace
from typing import Any

from lasaft_core.checkpoints import Checkpoint
from lasaft_core.models import PRESETS, NetworkConfig

_PAPERS = {True: "LaSAFT, ICASSP 2021 (arXiv 2010.11631)", False: "ISMIR 2020 (arXiv 1912.02591)"}


def describe(checkpoint: Checkpoint) -> dict[str, Any]:
    """JSON-able facts; `parameters` counts the network's, without batch norms' statistics.

    Raises UnsupportedCheckpoint where the tensors do not fit.
    """
    network, origin = checkpoint.build(), checkpoint.origin
    config = checkpoint.config
    return {
        "name": checkpoint.name,
        "sha256": checkpoint.sha256,
        "licence": checkpoint.licence,
        "layout": origin.layout,
        "family": _PAPERS[config.is_conditioned],
        "preset": preset_of(config),
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "hyper_parameters": _effective(config),
        "assumed": dict(origin.assumed),
        "says": dict(origin.facts),
        "ignored": list(origin.ignored),
    }


def preset_of(config: NetworkConfig) -> str | None:
    """The preset with these hyper-parameters, whatever its STFT's edges and its one target."""
    for name, preset in PRESETS.items():
        likened = replace(preset, is_centered=config.is_centered)
        likened = replace(likened, channel_order=config.channel_order)
        if not config.is_conditioned and not preset.is_conditioned:
            likened = replace(likened, targets=config.targets)
        if _effective(likened) == _effective(config):
            return name
    return None


def _effective(config: NetworkConfig) -> dict[str, Any]:
    """Fields that matter to the network: those of other blocks and of no condition left out."""
    values = asdict(config)
    levels = range(config.num_levels)
    values["halving_levels"] = [level for level in levels if config.halves_frames(level)]
    encoder_block = values["encoder_block"] = config.encoder_block or config.block
    values["encoder_conv_layers"] = config.encoder_depth
    unused = []
    if encoder_block == "tdf":
        unused.append("encoder_conv_layers")
    if "rnn" not in config.block:
        unused += [name for name in values if "rnn" in name] + ["is_bidirectional"]
    if "saft" not in config.block:
        unused += ["num_latents", "key_dim"]
    if not config.is_conditioned:
        unused += [name for name in values if name.startswith(("condition", "embedding"))]
        unused += ["num_control_layers", "normalises_modulation"]
        unused += ["gamma_activation", "beta_activation"]
    if config.block in ("tfc", "tdc"):
        unused += ["bottleneck_factor", "min_units", "tdf_bias", "tdf_affine"]
    if config.block == "tdf":
        unused += ["num_conv_layers", "kernel_size"]
    return {name: value for name, value in values.items() if name not in unused}
