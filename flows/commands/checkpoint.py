"""`lasaft-stems checkpoint`: inspect a checkpoint, convert it, list the published ones."""

import argparse
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from flows.commands.console import say, say_json
from lasaft_core.checkpoints import Assumptions, Checkpoint, load_checkpoint
from lasaft_core.checkpoints.conversion import convert
from lasaft_core.checkpoints.inspection import describe
from lasaft_core.checkpoints.registry import PUBLISHED, published_folder


def run(arguments: argparse.Namespace) -> int:
    _ACTIONS[arguments.action](arguments)
    return 0


def _inspect(arguments: argparse.Namespace) -> None:
    facts = describe(_load(arguments))
    if arguments.json:
        say_json(facts)
        return
    hyper_parameters, assumed = facts.pop("hyper_parameters"), facts.pop("assumed")
    says, ignored = facts.pop("says"), facts.pop("ignored")
    facts["licence"] = facts["licence"] or "not said"
    facts["preset"] = facts["preset"] or "none"
    facts["parameters"] = f"{facts['parameters']:,}"
    _say_rows(facts)
    say("hyper-parameters:")
    _say_rows({k: v for k, v in hyper_parameters.items() if k not in assumed}, "  ")
    if assumed:
        say("not in the file, assumed (options change it):")
        _say_rows(assumed, "  ")
    if says:
        say("the file also says:")
        _say_rows(says, "  ")
    if ignored:
        say(f"without meaning for the network: {', '.join(ignored)}")


def _convert(arguments: argparse.Namespace) -> None:
    checkpoint = _load(arguments)
    if arguments.name:
        checkpoint = replace(checkpoint, name=arguments.name)
    if arguments.licence:
        checkpoint = replace(checkpoint, licence=arguments.licence)
    out = Path(arguments.out)
    convert(checkpoint, out, overwrite=arguments.force, half=arguments.half)
    say(arguments.out)


def _list(arguments: argparse.Namespace) -> None:
    folder = published_folder()
    if arguments.json:
        entries = {name: asdict(entry) for name, entry in PUBLISHED.items()}
        say_json({"folder": str(folder), "checkpoints": entries})
        return
    say(f"put the files into {folder}")
    for name, entry in PUBLISHED.items():
        state = "here" if (folder / entry.file).is_file() else "not here"
        say(f"{name} ({state}): {entry.preset}, published SDR in dB {entry.sdr_db}")
        say(f"  {entry.file} from {entry.origin}")


def _load(arguments: argparse.Namespace) -> Checkpoint:
    return load_checkpoint(
        arguments.file,
        Assumptions(
            n_fft=arguments.n_fft,
            hop_samples=arguments.hop,
            num_frames=arguments.frames,
            is_centered=arguments.centered,
            channel_order=arguments.channel_order,
            targets=(arguments.target,) if arguments.target else None,
            estimation=arguments.estimation,
            activation=arguments.activation,
            last_activation=arguments.last_activation,
            modulation=arguments.modulation,
        ),
    )


def _say_rows(facts: dict[str, Any], indent: str = "") -> None:
    for name, value in facts.items():
        is_list = isinstance(value, tuple | list)
        text = ", ".join(map(str, value)) or "none" if is_list else value
        say(f"{indent}{name}: {text}")


_ACTIONS: dict[str, Callable[[argparse.Namespace], None]] = {
    "inspect": _inspect,
    "convert": _convert,
    "list": _list,
}
