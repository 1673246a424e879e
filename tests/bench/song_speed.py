"""One song, file to files: decode, separate, encode four 24-bit FLACs; beside HT-Demucs v4.

    pip install -c infra/constraints.txt '.[bench]'
    python tests/bench/song_speed.py [--seconds 60] [--rounds 2] [--threads N] [--out FILE]

All on the same generated song, at overlap 0.25, with as many threads, each in a process of its
own, the best round counts. HT-Demucs and lasaft-large have random weights: time does not depend
on them. HT-Demucs is measured without its random shifts, which would double its time.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import soundfile
import torch
from random_networks import random_checkpoint
from tables import parser, publish, table

from lasaft_core.checkpoints import load_checkpoint
from lasaft_core.musdb import TARGETS
from lasaft_core.separator import Separator
from lasaft_core.song import SongOptions, separate_song
from lasaft_core.training.music import mixture, render_song

OVERLAP, RATE_HZ = 0.25, 44_100
NETWORKS = {
    "default float32": ("default", "float32"),
    "default bfloat16": ("default", "bfloat16"),
    "lasaft-large float32": ("lasaft-large", "float32"),
    "lasaft-large bfloat16": ("lasaft-large", "bfloat16"),
    "HT-Demucs v4 float32": ("htdemucs", "float32"),
}


def through_lasaft(name, precision):
    """A function from song and folder to seconds by stage."""
    checkpoint = load_checkpoint(name) if name == "default" else random_checkpoint(name)
    separator = Separator(checkpoint, device="cpu", precision=precision)
    options = SongOptions(overlap=OVERLAP)
    return lambda song, out: dict(separate_song(separator, song, out, options).seconds)


def through_demucs(name, precision):
    """The published architecture: 48 channels, depth 4, 512 at the bottom, 7.8 s segments."""
    from demucs_infer.apply import apply_model
    from demucs_infer.htdemucs import HTDemucs

    assert (name, precision) == ("htdemucs", "float32")
    torch.manual_seed(0)
    network = HTDemucs(list(TARGETS), bottom_channels=512, segment=Fraction(39, 5)).eval()

    def run(song, out):
        times = [time.perf_counter()]
        audio, rate = soundfile.read(song, dtype="float32")
        times.append(time.perf_counter())
        mix = torch.from_numpy(audio.T.copy())[None]
        with torch.inference_mode():
            stems = apply_model(network, mix, shifts=0, split=True, overlap=OVERLAP)[0]
        times.append(time.perf_counter())
        out.mkdir(exist_ok=True)
        for target, stem in zip(TARGETS, stems.numpy(), strict=True):
            soundfile.write(out / f"{target}.flac", stem.T.clip(-1, 1), rate, subtype="PCM_24")
        times.append(time.perf_counter())
        stages = ("decode", "separate", "encode")
        return {stage: times[i + 1] - times[i] for i, stage in enumerate(stages)}

    return run


def measure_here(network, song, rounds):
    """Seconds in all and by stage of the best round; stages overlap, so that they may add up to
    more. `first` is the first round, which also warms up."""
    name, precision = NETWORKS[network]
    run = (through_demucs if name == "htdemucs" else through_lasaft)(name, precision)
    found = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            stages = run(song, Path(folder))
            found.append({"all": time.perf_counter() - started, **stages})
    return {**min(found, key=lambda seconds: seconds["all"]), "first": found[0]["all"]}


def measure_apart(network, song, given):
    command = [sys.executable, __file__, "--one", network, str(song)]
    command += ["--rounds", str(given.rounds), "--threads", str(given.threads)]
    environment = {**os.environ, "OMP_NUM_THREADS": str(given.threads)}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return json.loads(done.stdout.splitlines()[-1])


def line(network, seconds, found, demucs):
    whole = found["all"]
    share = min(1.0, found["separate"] / whole)
    cells = [network, f"{seconds / whole:.2f}", f"{100 * share:.0f} %"]
    cells += [f"{found[stage]:.1f} s" for stage in ("decode", "separate", "encode")]
    cells += [f"{found['first']:.1f} s", f"{demucs['all'] / whole:.2f}x"]
    return cells


def main():
    arguments = parser(__doc__)
    arguments.add_argument("--seconds", type=float, default=60.0)
    arguments.add_argument("--rounds", type=int, default=2)
    arguments.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments.add_argument("--one", nargs=2, metavar=("NETWORK", "SONG"))
    given = arguments.parse_args()
    torch.set_num_threads(given.threads)
    if given.one:
        network, song = given.one
        print(json.dumps(measure_here(network, Path(song), given.rounds)))
        return
    with tempfile.TemporaryDirectory() as folder:
        song = Path(folder) / "song.flac"
        soundfile.write(song, mixture(render_song(5, given.seconds)), RATE_HZ)
        found = {network: measure_apart(network, song, given) for network in NETWORKS}
    demucs = found["HT-Demucs v4 float32"]
    columns = ("network", "audio seconds a second", "time in the network")
    columns += ("decode", "separate", "encode", "first round", "against HT-Demucs")
    rows = [line(network, given.seconds, one, demucs) for network, one in found.items()]
    publish(
        given.out,
        "One song, file to files",
        f"{given.seconds:g} s of generated music, overlap {OVERLAP}, four targets, "
        f"{given.threads} threads, best of {given.rounds} rounds. Decoding and the writing of "
        "drafts overlap with the network.",
        table(columns, rows),
    )


if __name__ == "__main__":
    main()
