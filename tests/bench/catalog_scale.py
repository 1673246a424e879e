"""Listing, planning and the table at 100,000 and 1,000,000 songs, and what follows for more.

    python tests/bench/catalog_scale.py [--counts 100000 1000000] [--folder DIR] [--out FILE]

Of the first count the objects are real, of one byte each, in a local folder and in a bucket of the
local S3 server: they are listed, and `plan` and a `run` that has nothing to do are whole commands.
Of every count a table of rows as large as real ones stands in the bucket; a listing made up in
memory is planned against it, and batches are committed to it.
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


PEAK = """
import re
print(re.search(r"VmHWM:\\s*(\\d+) kB", open("/proc/self/status").read())[1], file=sys.stderr)
"""
COMMAND = f"import sys; from flows.cli import main; code = main(sys.argv[1:]){PEAK}sys.exit(code)"
PLAN = f"import sys; from synthetic_catalog import plan; plan(*sys.argv[1:]){PEAK}"


def apart(code, *arguments):
    """Seconds and peak MB of a process of its own, which must succeed."""
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    seconds = time.perf_counter() - started
    return seconds, int(done.stderr.split()[-1]) * 1024 / MEGA


def of_commands(place, source, dest):
    places = ("--source", source, "--dest", dest)
    found = {}
    for name, arguments in {"plan": ("plan", *places), "run": ("run", *places)}.items():
        seconds, peak_mb = apart(COMMAND, *arguments)
        found |= {f"{name} a {place}": seconds, f"{name} a {place}, MB": peak_mb}
    return found


def of_flushes(dest, count, fingerprint):
    """The first flush of a run reads the keys; later ones know them."""
    catalog, base = CatalogTable.open(dest), f"s3://music/{time.time_ns()}"

    def flush(batch, **how):
        rows = [row(BATCH_TRACKS * batch + n, fingerprint, base=base) for n in range(BATCH_TRACKS)]
        return seconds_of(lambda: catalog.publish(rows, **how))

    found = {"first flush": flush(0)}
    found["flush"] = statistics.median(flush(batch) for batch in range(1, FLUSHES + 1))
    found["flush that replaces the rows of one"] = flush(0, force=True)
    spread = [row(number, fingerprint) for number in range(0, count, count // BATCH_TRACKS)]
    replaced = seconds_of(lambda: catalog.publish(spread, force=True))
    return found | {"flush that replaces rows of all files": replaced}


def fingerprint_at(dest):
    return preflight(RunConfig(sources=(dest,), dest=dest), writes=False).fingerprint


def of_source(place, source, dest, count):
    """The table is made where it is not there yet."""
    started = time.perf_counter()
    etags = {stat.uri: stat.etag for stat in list_audio([source])}
    found = {f"list a {place}": time.perf_counter() - started}
    assert len(etags) == count
    if CatalogTable.open(dest).version is None:
        in_order = [etags[uri_of(source, number)] for number in range(count)]
        fill_table(dest, source, count, fingerprint_at(dest), in_order)
    return found | of_commands(place, source, dest)


def of_objects(folder, bucket, dest, count):
    files, songs = folder / f"songs-{count}", f"{bucket}/songs-{count}"
    if not files.exists():
        make_files(files, count)
    if next(list_audio([bucket]), None) is None:
        make_objects(songs, count)
    found = of_source("folder", f"file://{files}", f"{dest}/folder-{count}", count)
    return found | of_source("bucket", songs, f"{dest}/bucket-{count}", count)


def of_table(dest, count):
    fingerprint = fingerprint_at(dest)
    if CatalogTable.open(dest).version is None:
        fill_table(dest, "s3://music/songs", count, fingerprint)
    found = {}
    plan = apart(PLAN, dest, count, fingerprint)
    found["plan a made-up listing"], found["plan a made-up listing, MB"] = plan
    found["status"], _ = apart(COMMAND, "status", "--dest", dest)
    return found | of_flushes(dest, count, fingerprint)


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
        objects = of_objects(folder, songs, bucket, first)
        found = {count: of_table(f"{bucket}/table-{count}", count) for count in given.counts}
        found[first] = objects | found[first]
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
