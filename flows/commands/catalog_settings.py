"""The command line's options as the `RunConfig` of a catalog run."""

import argparse

from flows.commands.song_settings import song_options
from flows.run_records import RunConfig


def run_config(arguments: argparse.Namespace) -> RunConfig:
    return RunConfig(
        sources=tuple(arguments.source),
        dest=arguments.dest,
        checkpoint=arguments.checkpoint,
        song=song_options(arguments),
        device=arguments.device,
        precision=arguments.precision,
        workers=arguments.workers,
        gpus_per_worker=arguments.gpus_per_worker,
        cpus_per_worker=arguments.cpus_per_worker,
        include=tuple(arguments.include),
        exclude=tuple(arguments.exclude),
        limit=arguments.limit,
        force=arguments.force,
        max_failure_rate=arguments.max_failure_rate,
        max_hours=arguments.max_hours,
        executor=arguments.executor,
        on_demand=arguments.on_demand,
    )
