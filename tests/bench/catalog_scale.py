"""Listing, planning and the table at 100,000 and 1,000,000 songs, and what follows for more.

    python tests/bench/catalog_scale.py [--counts 100000 1000000] [--folder DIR] [--out FILE]

The objects are real files of one byte in a local folder, of the first count also real objects in a
bucket of the local S3 server; the table stands in that bucket, with rows as large as real ones and
the objects' etags. `plan`, `run` and `status` are whole commands, each a process of its own, with
its peak memory. A flush commits 50 rows. A million songs need 6 GB of disk and some minutes.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from threading import Event

from bucket_objects import make_objects
from growth import growth_tables
from synthetic_catalog import fill_table, make_files, row, uri_of
from tables import parser, publish, table

from flows.catalog_run import RunConfig, preflight
from flows.execution import worker_settings
from flows.publishing import BATCH_TRACKS
from infra.object_store import LocalObjectStore
from lasaft_core.catalog.listing import list_audio
from lasaft_core.catalog.table import CatalogTable
from lasaft_core.storage import ObjectStat
from ray_actors.attempts import base_row
from ray_actors.messages import PoolOptions, TrackResult, TrackTask
from ray_actors.pool import RayPool

FLUSHES, DRIVER_TRACKS = 5, 500
MEGA = 1 << 20


def seconds_of(work):
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


LAUNCH = """
import re, sys
from flows.cli import main
code = main(sys.argv[1:])
print(re.search(r"VmHWM:\\s*(\\d+) kB", open("/proc/self/status").read())[1], file=sys.stderr)
sys.exit(code)
"""


def command(*arguments):
    """Seconds and peak MB of `lasaft-stems`, which must succeed."""
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", LAUNCH, *arguments], check=True, capture_output=True, text=True
    )
    seconds = time.perf_counter() - started
    return seconds, int(done.stderr.split()[-1]) * 1024 / MEGA


def of_commands(place, source, dest):
    places = ("--source", source, "--dest", dest)
    found = {}
    for name, arguments in {"plan": ("plan", *places), "run": ("run", *places)}.items():
        seconds, peak_mb = command(*arguments)
        found |= {f"{name} a {place}": seconds, f"{name} a {place}, MB": peak_mb}
    found["status"], _ = command("status", "--dest", dest)
    return found


def of_flushes(dest, fingerprint):
    """The first flush of a run reads the keys; later ones know them."""
    catalog, base = CatalogTable.open(dest), f"s3://music/{time.time_ns()}"

    def flush(batch, **how):
        rows = [row(BATCH_TRACKS * batch + n, fingerprint, base=base) for n in range(BATCH_TRACKS)]
        return seconds_of(lambda: catalog.publish(rows, **how))

    found = {"first flush": flush(0)}
    found["flush"] = statistics.median(flush(batch) for batch in range(1, FLUSHES + 1))
    found["flush that replaces rows"] = flush(0, force=True)
    return found


def of_source(place, source, dest, count):
    """Objects and table are made where they are not there yet."""
    fingerprint = preflight(RunConfig(sources=(dest,), dest=dest), writes=False).fingerprint
    started = time.perf_counter()
    etags = {stat.uri: stat.etag for stat in list_audio([source])}
    found = {f"list a {place}": time.perf_counter() - started}
    assert len(etags) == count
    if CatalogTable.open(dest).version is None:
        in_order = [etags[uri_of(source, number)] for number in range(count)]
        fill_table(dest, source, count, fingerprint, in_order)
    found |= of_commands(place, source, dest)
    return found | of_flushes(dest, fingerprint)


def of_folder(folder, dest, count):
    source = folder / f"songs-{count}"
    if not source.exists():
        make_files(source, count)
    return of_source("folder", f"file://{source}", dest, count)


def of_bucket(bucket, dest, count):
    if next(list_audio([bucket]), None) is None:
        make_objects(f"{bucket}/songs", count)
    return of_source("bucket", f"{bucket}/songs", dest, count)


class InstantWorker:
    """Is done with every track at once."""

    def __init__(self, settings):
        self.settings = settings

    def process(self, task, on_audio=None):
        return TrackResult(row=base_row(task, self.settings, status="skipped", reason="instant"))


def settings_of(dest):
    prepared = preflight(RunConfig(sources=(dest,), dest=dest), writes=False)
    return worker_settings(prepared, run_id="bench", flow_run_id=None)


def driver_tracks_a_second(settings):
    """Of the driver loop with two workers that do nothing."""
    stat = ObjectStat("s3://music/song.flac", 1, "e", 1.0)
    tasks = [TrackTask(stat, "new", audio_seconds_estimate=1.0)] * DRIVER_TRACKS
    pool = RayPool(settings, PoolOptions(workers=2), InstantWorker)
    results = pool.run(tasks, stop=Event())
    next(results)
    return (DRIVER_TRACKS - 1) / seconds_of(lambda: list(results))


def cells(name, found, counts):
    form = "{:.0f} MB" if name.endswith("MB") else "{:.2f} s"
    values = [found[count].get(name) for count in counts]
    return [name, *("" if value is None else form.format(value) for value in values)]


def main():
    arguments = parser(__doc__)
    arguments.add_argument("--counts", type=int, nargs="+", default=[100_000, 1_000_000])
    arguments.add_argument("--folder", type=Path, help="keeps all of it, and uses what is there")
    given = arguments.parse_args()
    with (
        tempfile.TemporaryDirectory() as scratch,
        LocalObjectStore((given.folder or Path(scratch)) / "s3") as store,
    ):
        os.environ |= store.environment()
        folder, bucket = given.folder or Path(scratch), store.create_bucket("scale")
        songs, first = store.create_bucket("songs"), given.counts[0]
        found = {n: of_folder(folder, f"{bucket}/folder-{n}", n) for n in given.counts}
        found[first] = {**of_bucket(songs, f"{bucket}/bucket-{first}", first), **found[first]}
        rate = driver_tracks_a_second(settings_of(bucket))
    names = dict.fromkeys(name for one in found.values() for name in one)
    rows = [cells(name, found, given.counts) for name in names]
    publish(
        given.out,
        "Catalogs of many songs",
        f"Local disk and local S3 server; a flush commits {BATCH_TRACKS} rows.",
        table(["", *(f"{count:,} songs" for count in given.counts)], rows),
        *growth_tables(found, given.counts, rate),
    )


if __name__ == "__main__":
    main()
