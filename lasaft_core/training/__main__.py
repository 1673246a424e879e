"""Writes generated songs in the layout of MUSDB18-HQ: `python -m lasaft_core.training`.

Material with clean rights to try a training on; a network learns real music from real songs.
"""

import argparse
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path

from lasaft_core.training.music import write_song


def main() -> None:
    """Renders what is not there yet, one process for each processor."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="gets train/ and valid/")
    parser.add_argument("--songs", type=int, default=64, help="to train on")
    parser.add_argument("--held-out", type=int, default=4, help="to validate on")
    parser.add_argument("--seconds", type=float, default=45.0, help="of each song")
    arguments = parser.parse_args()
    seeds = {"train": range(1000, 1000 + arguments.songs), "valid": range(arguments.held_out)}
    with ProcessPoolExecutor() as pool:
        for split, numbers in seeds.items():
            folders = [arguments.out / split / f"song-{seed:04}" for seed in numbers]
            list(pool.map(write_song, folders, numbers, repeat(arguments.seconds)))


if __name__ == "__main__":
    main()
