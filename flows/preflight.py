"""Before a run: everything that can be wrong is found here, before the first track.

The checkpoint is opened on the driver, since its weights and the resolved precision are part of
the model's fingerprint, and a wrong checkpoint or target must stop the run at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from flows.run_records import RunConfig
from lasaft_core.catalog.identity import model_fingerprint
from lasaft_core.errors import InvalidOption
from lasaft_core.estimator import (
    check_device_name,
    has_cuda,
    resolve_device,
    resolve_precision,
)
from lasaft_core.separator import Separator
from lasaft_core.song import SongOptions
from lasaft_core.storage import canonical_uri, check_dest, check_holdings, check_source
from ray_actors.resources import gpus_needed


@dataclass(frozen=True, slots=True)
class Prepared:
    """A run that may start: addresses in canonical form, targets and precision resolved."""

    config: RunConfig
    fingerprint: str
    settings: Mapping[str, object]  # what the fingerprint is made of
    model_name: str
    weights_sha256: str
    weights_licence: str | None
    single_writer: bool = False  # the store can't tell two runs apart


def _canonical(config: RunConfig) -> RunConfig:
    sources = tuple(canonical_uri(source) for source in config.sources)
    return replace(config, sources=sources, dest=canonical_uri(config.dest))


def fingerprint_settings(
    separator: Separator, song: SongOptions, precision: str
) -> Mapping[str, object]:
    """Everything that changes the sound beyond rounding; not device, batch or worker count.

    The weights' hash covers the network's hyper-parameters, which stand in the same file. Options
    at their defaults are left out, so that an option of a later version re-plans no catalog.
    """
    selected = separator.select_targets(song.targets)
    changed = {
        field.name: getattr(song, field.name)
        for field in fields(song)
        if getattr(song, field.name) != field.default
    }
    return {
        **changed,
        "weights_sha256": separator.weights_sha256,
        "precision": precision,
        "targets": [target for target in separator.targets if target in selected],
    }


def _resolved(config: RunConfig) -> tuple[str, str]:
    """Device and precision. GPUs that workers ask for may be on machines without this driver."""
    there = config.executor == "ray" and config.gpus_per_worker > 0 and config.device != "cpu"
    if not there or has_cuda():
        device = resolve_device(config.device)
        return device, resolve_precision(config.precision, device)
    check_device_name(config.device)
    if config.precision == "auto":
        raise InvalidOption(
            "--precision",
            expected="float32 | bfloat16",
            got="auto",
            remedy="name what the GPUs compute natively: this machine has none to ask",
        )
    return "cuda", resolve_precision(config.precision, "cuda")


def preflight(config: RunConfig, *, writes: bool = True) -> Prepared:
    """Raises a `UsageError` with one clear line for whatever keeps the run from starting.

    Without `writes` the destination is only looked at, and may not exist yet.
    """
    config = _canonical(config)
    for source in config.sources:
        check_source(source)
    device, precision = _resolved(config)
    separator = Separator.load(config.checkpoint, device="cpu")
    settings = fingerprint_settings(separator, config.song, precision)
    song = replace(config.song, targets=config.song.select_targets(separator))
    if not writes:
        check_holdings(config.dest)
    single_writer = writes and not check_dest(config.dest)
    return Prepared(
        config=replace(
            config,
            song=song,
            precision=precision,
            gpus_per_worker=gpus_needed(config.gpus_per_worker, device),
        ),
        fingerprint=model_fingerprint(settings),
        settings=settings,
        model_name=separator.model_name,
        weights_sha256=separator.weights_sha256,
        weights_licence=separator.weights_licence,
        single_writer=single_writer,
    )
