"""The command line's options as `SongOptions`; brings neither Ray nor Prefect."""

import argparse

from lasaft_core.song import SongOptions


def song_options(arguments: argparse.Namespace) -> SongOptions:
    return SongOptions(
        targets=arguments.targets,
        overlap=arguments.overlap,
        codec=arguments.codec,
        bit_depth=arguments.bit_depth,
        channels=arguments.channels,
        residual=arguments.residual,
        consistency=arguments.consistency,
    )
