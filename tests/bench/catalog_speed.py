"""A catalog of mixed songs from bucket to bucket on one and on two workers.

    python tests/bench/catalog_speed.py [--network default lasaft-large] [--tracks 40]
                                        [--minutes M] [--longest 8] [--workers 1 2] [--out FILE]

A whole run on a local Ray against a real S3 server on this machine, with the default network or
a preset's of random weights. Tracks last 30 s to 6 min; they are scaled so that they are M minutes
in all where that is given, or so that the network alone needs `--longest` minutes, if it needs
more. The workers share all processors: one has all of them as threads, two have half of them
each. "Network alone" is what the network does with as many threads and nothing beside it, not
compiled here or there; "start" is the time until the first audio is separated, which throughput
leaves out. Memory and processor time are sampled four times a second; "store" is the server,
which stands elsewhere where catalogs are kept.
"""

import os
import tempfile
import time
from pathlib import Path

import numpy as np
from mixed_catalog import durations, write_catalog
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
    """Audio seconds a second, of batches as the separator makes them, on all processors."""
    separator = Separator.load(
        checkpoint, device="cpu", precision=precision, threads=os.cpu_count()
    )
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
    first, started = [], time.monotonic()

    def listen(progress):
        if progress.audio_seconds_done > 0 and not first:
            first.extend((time.monotonic(), progress.audio_seconds_done))

    config = RunConfig(
        sources=(f"{bucket}/in",),
        dest=f"{bucket}/out-{workers}",
        checkpoint=checkpoint,
        song=SongOptions(overlap=overlap),
        device="cpu",
        precision=precision,
        workers=workers,
    )
    with ProcessWatch() as watch:
        report = run_catalog(config, on_progress=listen)
    ended = time.monotonic()
    assert report.exit_code() == 0
    rows = list(CatalogTable.open(config.dest).rows(status="done"))
    first_at, first_seconds = first
    working = ended - first_at
    return {
        "start": first_at - started,
        "speed": (report.audio_seconds - first_seconds) / working,
        "in_network": sum(row.seconds.separate for row in rows) / working / workers,
        "quarters": watch.quarters(first_at),
        "processor": watch.processor_seconds(first_at),
    }


def checkpoint_file(network, folder):
    if network == "default":
        return network
    path = folder / f"{network}.safetensors"
    convert(random_checkpoint(network), path, overwrite=False)
    return str(path)


def minutes_of(given, alone):
    """Of all tracks; None: as long as they are."""
    whole = sum(durations(given.tracks, None)) / 60
    return given.minutes or (given.longest * alone if whole > given.longest * alone else None)


def rows_of(network, given, precision, store, folder):
    """A row for each number of workers."""
    bucket, songs = store.create_bucket(network), folder / f"songs-{network}"
    songs.mkdir()
    how = (checkpoint_file(network, folder), precision, given.overlap)
    alone = network_alone(*how)
    audio_seconds = write_catalog(songs, given.tracks, minutes_of(given, alone))
    for path in songs.iterdir():
        put(path, f"{bucket}/in/{path.name}")
    found = {workers: run(bucket, workers, *how) for workers in given.workers}
    one = found[given.workers[0]]
    for workers, result in found.items():
        cells = [network, f"{audio_seconds / 60:.0f}", f"{alone:.2f}", str(workers)]
        cells += [f"{result['speed']:.2f}", f"{100 * result['speed'] / alone:.0f} %"]
        cells += [f"{100 * result['speed'] / one['speed']:.0f} %"]
        cells += [f"{100 * result['in_network']:.0f} %"]
        cells += [" / ".join(f"{peak:.0f}" for peak in result["quarters"])]
        spent = result["processor"]
        parts = (f"{name} {100 * part / sum(spent.values()):.0f} %" for name, part in spent.items())
        yield [*cells, f"{result['start']:.0f} s", ", ".join(parts)]


def main():
    arguments = parser(__doc__)
    choices = ("default", *PRESETS)
    arguments.add_argument(
        "--network", nargs="+", choices=choices, default=["default", "lasaft-large"]
    )
    arguments.add_argument("--tracks", type=int, default=40)
    arguments.add_argument("--minutes", type=float)
    arguments.add_argument("--longest", type=float, default=8.0)
    arguments.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    arguments.add_argument("--precision", default="auto")
    arguments.add_argument("--overlap", type=float, default=0.25)
    given = arguments.parse_args()
    precision = resolve_precision(given.precision, "cpu")
    with tempfile.TemporaryDirectory() as folder, LocalObjectStore(Path(folder, "s3")) as store:
        os.environ |= store.environment() | {"LASAFT_COMPILED": ""}
        rows = [
            row
            for network in given.network
            for row in rows_of(network, given, precision, store, Path(folder))
        ]
    columns = ("network", "minutes of audio", "network alone", "workers")
    columns += ("audio seconds a second", "of the network alone")
    columns += (f"of {given.workers[0]} worker", "time with a track in the network")
    columns += ("peak MB of a worker, by quarters of the run", "start", "processor time")
    publish(
        given.out,
        "A catalog from bucket to bucket",
        f"{given.tracks} tracks, {precision}, overlap {given.overlap}, {os.cpu_count()} threads "
        "in all.",
        table(columns, rows),
    )


if __name__ == "__main__":
    main()
