"""`lasaft-stems build-data`: songs with true stems; it goes on with what --out holds."""

import argparse
import importlib.util
import os
from pathlib import Path

from flows.commands.console import say
from lasaft_core.errors import UsageError

_EXTRA = ("mido", "pyworld")


def run(arguments: argparse.Namespace) -> int:
    missing = [name for name in _EXTRA if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(
            f"not installed: {', '.join(missing)}", remedy="pip install 'lasaft-stems[data]'"
        )
    from lasaft_core.training.building.builder import (  # noqa: PLC0415  needs the extra
        BuildSettings,
        build,
    )

    settings = BuildSettings(
        hours=arguments.hours,
        seed=arguments.seed,
        song_seconds=arguments.song_seconds,
        validation_songs=arguments.validation_songs,
        workers=arguments.workers or os.cpu_count() or 1,
    )
    manifest = build(Path(arguments.sources), Path(arguments.out), settings, _tell)
    owners = (*manifest["sources"], *manifest["networks"])
    licences = sorted({owner["licence"] or "unknown" for owner in owners})
    terms = f", licences: {', '.join(licences)}" if licences else ""
    say(f"{len(manifest['songs'])} songs of {len(manifest['sources'])} sources{terms}")
    return 0


def _tell(done: int, total: int) -> None:
    if done == total or done % 10 == 0:
        say(f"{done} of {total} songs")
