"""SDR of the default network's stems on songs that it never saw, beside the mixture's.

Prints a Markdown table: generated songs of held-out seeds, and the real song that PyPI `stempeg`
ships (MUSDB18 test, evaluation only). An empty stem scores 0 dB.

    python tests/bench/default_quality.py
"""

import platform
import subprocess
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from infra.demo.origins import read_falcon_stems
from lasaft_core import Separator
from lasaft_core.metrics import sdr_db
from lasaft_core.training.music import TARGETS, mixture, render_song

HELD_OUT_SEEDS = range(200, 204)
SECONDS = 30.0


def scores(separator, songs):
    """{target: (SDR of the stem, SDR of the mixture)}, means over the songs."""
    rows = []
    for stems in songs:
        mix = mixture(stems)
        estimates = separator.separate(mix)
        rows.append([(sdr_db(stems[t], estimates[t]), sdr_db(stems[t], mix)) for t in TARGETS])
    return dict(zip(TARGETS, np.mean(rows, axis=0), strict=True))


def print_table(results):
    print(f"| songs | {' | '.join(TARGETS)} | mean | mean above the mixture |")
    print("|---" * (len(TARGETS) + 3) + "|")
    for name, by_target in results.items():
        cells = [f"{stem:+.2f} ({mix:+.2f})" for stem, mix in by_target.values()]
        stem, mix = np.mean(list(by_target.values()), axis=0)
        print(f"| {name} | {' | '.join(cells)} | {stem:+.2f} ({mix:+.2f}) | {stem - mix:+.2f} |")


def main():
    separator = Separator.load("default")
    started = time.perf_counter()
    results = {
        f"{len(HELD_OUT_SEEDS)} generated": scores(
            separator, [render_song(seed, SECONDS) for seed in HELD_OUT_SEEDS]
        ),
        "real (stempeg)": scores(separator, [read_falcon_stems()[0]]),
    }
    seconds = time.perf_counter() - started
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=Path(__file__).parent,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout.strip()
    print(
        f"{separator.model_name}, SHA-256 {separator.weights_sha256[:12]}, float32, overlap 0.25; "
        f"{platform.machine()}, torch {version('torch')}, {torch.get_num_threads()} threads, "
        f"commit {commit}; {seconds:.0f} s with rendering\n"
    )
    print("SDR in dB, the mixture's in brackets.\n")
    print_table(results)


if __name__ == "__main__":
    main()
