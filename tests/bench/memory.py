"""Peak memory of the file rung against duration: four stems, common gain at work.

Prints a Markdown table. The full run puts three hours of loud 44.1 kHz stereo through an identity
separator, which needs about 30 GB of scratch, and ten minutes through the default network:

    python tests/bench/memory.py --scratch DIR
"""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import soundfile

from lasaft_core.overlap_add import OverlapAdd, WindowPlan
from lasaft_core.song import SongOptions, separate_song
from ray_actors.attempts import peak_memory_bytes

ROOT = Path(__file__).parents[2]
TARGETS = ("vocals", "drums", "bass", "other")


class IdentitySeparator:
    """Every stem is the mixture, through the same windows as a network's."""

    targets = TARGETS

    def __init__(self, sample_rate):
        self.sample_rate = sample_rate

    def select_targets(self, targets):
        return targets or self.targets

    def stream(self, targets, *, overlap):
        plan = WindowPlan(130_048, 5_120, overlap)
        return OverlapAdd(plan, partial(dict.fromkeys, targets), targets)


def write_song(path, seconds, rate_hz):
    """A float WAV above full scale, so that integer stems need the common gain."""
    generator = np.random.default_rng(0)
    minute = (0.5 * generator.standard_normal((60 * rate_hz, 2))).astype(np.float32)
    minute[1234] = 1.5
    with soundfile.SoundFile(path, "w", rate_hz, 2, "FLOAT", format="WAV") as file:
        for start in range(0, seconds, 60):
            file.write(minute[: min(60, seconds - start) * rate_hz])


def open_separator(checkpoint, rate_hz):
    """The identity where no checkpoint is given."""
    if checkpoint is None:
        return IdentitySeparator(rate_hz)
    from lasaft_core import Separator

    return Separator.load(checkpoint, device="cpu")


def measure_here(seconds, rate_hz, codec, checkpoint, scratch):
    """Peak resident memory of this process, which does nothing else."""
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        song, out = Path(folder) / "song.wav", Path(folder) / "out"
        write_song(song, seconds, rate_hz)
        start = time.perf_counter()
        separator = open_separator(checkpoint, rate_hz)
        result = separate_song(
            separator, song, out, SongOptions(codec=codec), scratch_dir=Path(folder)
        )
        elapsed = time.perf_counter() - start
    assert result.frames == seconds * rate_hz
    assert checkpoint or result.common_gain_db < -3
    peak_mb = peak_memory_bytes() / 2**20
    network = checkpoint or "identity"
    return {"network": network, "seconds": seconds, "peak_mb": peak_mb, "elapsed": elapsed}


def measure_apart(seconds, scratch, checkpoint=None):
    command = [sys.executable, __file__, "--one", str(seconds)]
    command += ["--checkpoint", checkpoint] if checkpoint else []
    done = subprocess.run(
        [*command, "--scratch", scratch], check=True, stdout=subprocess.PIPE, text=True
    )
    return json.loads(done.stdout)


def print_table(rows):
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout.strip()
    versions = ", ".join(f"{name} {version(name)}" for name in ("numpy", "soundfile", "soxr"))
    print(
        f"{platform.machine()}, Python {platform.python_version()}, {versions}, commit {commit}\n"
    )
    print("| network | audio | peak memory | above one minute | speed |")
    print("|---|---|---|---|---|")
    for row in rows:
        minute = next(r for r in rows if r["network"] == row["network"])
        above = row["peak_mb"] - minute["peak_mb"]
        print(
            f"| {row['network']} | {row['seconds'] / 60:.0f} min | {row['peak_mb']:.0f} MB "
            f"| {above:+.0f} MB | {row['seconds'] / row['elapsed']:.0f}x real time |"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scratch", default=tempfile.gettempdir())
    parser.add_argument("--rate", type=int, default=44_100, metavar="HZ")
    parser.add_argument("--codec", default="flac")
    parser.add_argument("--checkpoint", help="of a real network; the identity if none is given")
    parser.add_argument("--one", type=int, metavar="SECONDS", help="measure in this process")
    arguments = parser.parse_args()
    if arguments.one:
        print(
            json.dumps(
                measure_here(
                    arguments.one,
                    arguments.rate,
                    arguments.codec,
                    arguments.checkpoint,
                    arguments.scratch,
                )
            )
        )
        return
    rows = [measure_apart(seconds, arguments.scratch) for seconds in (60, 3 * 3600)]
    rows += [measure_apart(seconds, arguments.scratch, "default") for seconds in (60, 600)]
    print_table(rows)


if __name__ == "__main__":
    main()
