"""A catalog of mixed songs from bucket to bucket on one and on two workers.

    python tests/bench/catalog_speed.py [--network default] [--tracks 40] [--minutes M]
                                        [--workers 1 2] [--out FILE]

A whole run on a local Ray against a real S3 server on this machine, with the default network or
a preset's of random weights. Tracks last 30 s to 6 min, scaled so that they are M minutes in all
where that is given. The workers share all processors: one has all of them as threads, two have
half of them each. "network alone" is what the network does with as many threads and nothing
beside it, not compiled here or there; "start" is the time until the first audio is separated,
which throughput leaves out. Memory and processor time are sampled four times a second; "store" is
the server, which stands elsewhere where catalogs are kept.
"""

import os
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from mixed_catalog import write_catalog
from process_watch import ProcessWatch
from random_networks import random_checkpoint
from tables import parser, publish, table

from flows.catalog_run import RunConfig, run_catalog
from infra.object_store import LocalObjectStore
from lasaft_core.catalog.table import CatalogTable
from lasaft_core.checkpoints.conversion import convert
from lasaft_core.estimator import resolve_precision
from lasaft_core.models import PRESETS
from lasaft_core.overlap_add import WindowPlan
from lasaft_core.separator import Separator
from lasaft_core.song import SongOptions
from lasaft_core.storage import put


def network_alone(checkpoint, precision, overlap, seconds=15.0):
    """Audio seconds a second, of batches as the separator makes them."""
    separator = Separator.load(checkpoint, device="cpu", precision=precision)
    stream = separator.stream(separator.targets, overlap=overlap)
    plan: WindowPlan = stream.plan
    rng = np.random.default_rng(0)
    shape = (stream.batch_size, plan.window_samples, 2)
    windows = rng.normal(0, 0.1, shape).astype(np.float32)
    stream.estimate(windows)
    done, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        stream.estimate(windows)
        done += stream.batch_size
    given = done * plan.stride_samples / separator.sample_rate
    return given / (time.perf_counter() - started)


def run(bucket, workers, checkpoint, precision, overlap):
    first_audio, started = [], time.monotonic()

    def listen(progress):
        if progress.audio_seconds_done > 0 and not first_audio:
            first_audio.append(time.monotonic())

    config = RunConfig(
        sources=(f"{bucket}/in",),
        dest=f"{bucket}/out-{workers}",
        checkpoint=checkpoint,
        song=SongOptions(overlap=overlap),
        precision=precision,
        workers=workers,
    )
    with ProcessWatch() as watch:
        report = run_catalog(config, on_progress=listen)
    ended = time.monotonic()
    assert report.exit_code() == 0
    rows = list(CatalogTable.open(config.dest).rows(status="done"))
    working = ended - first_audio[0]
    return {
        "start": first_audio[0] - started,
        "speed": report.audio_seconds / working,
        "in_network": sum(row.seconds.separate for row in rows) / working / workers,
        "quarters": watch.quarters(first_audio[0]),
        "processor": watch.processor_seconds(first_audio[0]),
    }


def checkpoint_file(network, folder):
    if network == "default":
        return network
    path = folder / f"{network}.safetensors"
    convert(random_checkpoint(network), path, overwrite=False)
    return str(path)


def line(workers, found, alone, one):
    cells = [str(workers), f"{found['speed']:.2f}", f"{100 * found['speed'] / alone:.0f} %"]
    cells += [f"{100 * found['speed'] / one['speed']:.0f} %", f"{100 * found['in_network']:.0f} %"]
    cells += [" / ".join(f"{peak:.0f}" for peak in found["quarters"]), f"{found['start']:.0f} s"]
    spent = found["processor"]
    shares = (f"{name} {100 * part / sum(spent.values()):.0f} %" for name, part in spent.items())
    cells.append(", ".join(shares))
    return cells


def main():
    arguments = parser(__doc__)
    arguments.add_argument("--network", choices=("default", *PRESETS), default="default")
    arguments.add_argument("--tracks", type=int, default=40)
    arguments.add_argument("--minutes", type=float)
    arguments.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    arguments.add_argument("--precision", default="auto")
    arguments.add_argument("--overlap", type=float, default=0.25)
    given = arguments.parse_args()
    precision = resolve_precision(given.precision, "cpu")
    with tempfile.TemporaryDirectory() as folder, LocalObjectStore(Path(folder, "s3")) as store:
        os.environ |= store.environment() | {"LASAFT_COMPILED": ""}
        bucket, songs = store.create_bucket("catalog"), Path(folder, "songs")
        songs.mkdir()
        audio_seconds = write_catalog(songs, given.tracks, given.minutes)
        for path in songs.iterdir():
            put(path, f"{bucket}/in/{path.name}")
        how = (checkpoint_file(given.network, Path(folder)), precision, given.overlap)
        alone = network_alone(*how)
        found = {n: run(bucket, n, *how) for n in given.workers}
    columns = ("workers", "audio seconds a second", "of the network alone")
    columns += (f"of {given.workers[0]} worker", "time in the network")
    columns += ("peak MB of a worker, by quarters of the run", "start", "processor time")
    first = found[given.workers[0]]
    publish(
        given.out,
        "A catalog from bucket to bucket",
        f"{given.tracks} tracks, {audio_seconds / 60:.0f} minutes, network {given.network}, "
        f"{precision}, overlap {given.overlap}, {torch.get_num_threads()} threads in all. "
        f"Network alone: {alone:.2f} audio seconds a second.",
        table(columns, [line(n, one, alone, first) for n, one in found.items()]),
    )


if __name__ == "__main__":
    main()
