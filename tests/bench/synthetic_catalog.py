"""A catalog of any number of songs that nobody separated: its rows in the table, its objects.

Rows are as large as real ones: four stems, each with its address, hash and twenty stretches of
sound, hashes that no compression shortens. `uri_of(base, number)` names the objects; local ones
have a byte each, so that their etags are real.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import write_deltalake

from lasaft_core.catalog.plan import plan_tracks
from lasaft_core.catalog.rows import SCHEMA, SecondsRow, StemRow, TagsRow, TrackRow
from lasaft_core.catalog.table import CatalogTable
from lasaft_core.musdb import TARGETS
from lasaft_core.storage import ObjectStat, delta_storage_options, delta_uri, join

CHUNK_ROWS = 100_000
PATTERNS = 1000  # rows whose numbers differ; the others repeat them
FOLDER_OBJECTS = 1000


def uri_of(base, number):
    return f"{base}/{number // FOLDER_OBJECTS:05d}/{number:08d}.flac"


def listed(base, count):
    """What a store would list: 30 MB a song."""
    for number in range(count):
        yield ObjectStat(uri_of(base, number), 30_000_000 + number, etag_of(number), 1.0)


def etag_of(number):
    return f"{number:032x}"


def row(number, fingerprint, *, base="s3://music/songs"):
    """A done row, of an object as `listed` tells of it."""
    rng = np.random.default_rng(number)
    return TrackRow(
        source_uri=uri_of(base, number),
        source_etag=etag_of(number),
        source_bytes=30_000_000 + number,
        content_sha256=rng.bytes(32).hex(),
        work_id=rng.bytes(32).hex(),
        tags=TagsRow(title=f"Song {number}", artist=f"Artist {number // 10}", album="Album"),
        container="FLAC",
        codec="PCM_16",
        sample_rate=44100,
        channels=2,
        frames=10_000_000,
        duration_seconds=10_000_000 / 44100,
        status="done",
        stems=tuple(_stem(target, rng) for target in TARGETS),
        reconstruction_db=float(rng.normal(10, 3)),
        common_gain_db=0.0,
        seconds=SecondsRow(download=1.0, decode=1.0, separate=30.0, encode=5.0, upload=2.0),
        device="cpu",
        node="node",
        realtime_factor=float(rng.uniform(5, 9)),
        peak_memory_bytes=int(rng.integers(1 << 30)),
        model_name="default",
        model_fingerprint=fingerprint,
        weights_sha256="a" * 64,
        weights_licence="MIT",
        code_version="0.1.0",
        run_id="b" * 32,
    )


def _stem(target, rng):
    edges = np.sort(rng.uniform(0, 226, 40)).round(3).tolist()
    return StemRow(
        target=target,
        uri=f"s3://music/stems/{rng.bytes(90).hex()}/{target}.flac",
        sha256=rng.bytes(32).hex(),
        bytes=int(rng.integers(20_000_000, 40_000_000)),
        frames=10_000_000,
        sample_rate=44100,
        channels=2,
        codec="flac",
        integrated_lufs=float(rng.normal(-20, 3)),
        true_peak_db=float(rng.normal(-3, 1)),
        rms_db=float(rng.normal(-22, 3)),
        silence_ratio=float(rng.uniform()),
        clipped_samples=0,
        bandwidth_hz=20000.0,
        active_intervals=tuple(zip(edges[::2], edges[1::2], strict=True)),
    )


def fill_table(dest, base, count, fingerprint, etags=None):
    """`dest/catalog` with the done rows of the first `count` objects below `base`.

    `etags` are those of the objects in order, where they are not as `listed` says.
    """
    uri = join(dest, "catalog")
    for start in range(0, count, CHUNK_ROWS):
        stop = min(start + CHUNK_ROWS, count)
        chunk = _rows(base, range(start, stop), fingerprint, etags)
        write_deltalake(
            delta_uri(uri), chunk, mode="append", storage_options=delta_storage_options(uri)
        )


def _rows(base, numbers, fingerprint, etags):
    count = len(numbers)
    table = _patterns(fingerprint).take(np.arange(count) % PATTERNS)
    columns = {
        "source_uri": pa.array([uri_of(base, number) for number in numbers]),
        "source_etag": pa.array([etags[n] if etags else etag_of(n) for n in numbers]),
        "source_bytes": pa.array([30_000_000 + n if etags is None else 1 for n in numbers]),
        "content_sha256": _hashes(count),
        "work_id": _hashes(count),
        "stems": _stems(table["stems"].combine_chunks(), numbers),
        "committed_at": pa.array([1_800_000_000_000_000] * count, pa.timestamp("us", tz="UTC")),
    }
    for name, column in columns.items():
        table = table.set_column(SCHEMA.get_field_index(name), SCHEMA.field(name), column)
    return table


@lru_cache(maxsize=1)
def _patterns(fingerprint):
    rows = [row(number, fingerprint).to_dict() for number in range(PATTERNS)]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def _hashes(count):
    """`count` different SHA-256 in hex."""
    digits = np.random.default_rng().bytes(32 * count).hex().encode()
    offsets = pa.py_buffer(np.arange(0, 64 * count + 1, 64, dtype=np.int32))
    return pa.StringArray.from_buffers(count, offsets, pa.py_buffer(digits))


def _stems(stems, numbers):
    """The same stems with addresses and hashes of their own."""
    flat = stems.flatten()
    fields = {field.name: flat.field(field.name) for field in flat.type}
    folders = _hashes(len(numbers)).take(np.repeat(np.arange(len(numbers)), len(TARGETS)))
    fields["uri"] = pc.binary_join_element_wise(
        "s3://music/stems/ffffffffffff", folders, fields["target"], "/"
    )
    fields["sha256"] = _hashes(len(flat))
    rebuilt = pa.StructArray.from_arrays(list(fields.values()), fields=list(flat.type))
    return pa.ListArray.from_arrays(stems.offsets, rebuilt)


def make_files(folder, count):
    """`count` files of one byte, as `uri_of(file://folder, n)`; a thousand a folder."""
    for number in range(count):
        path = Path(uri_of(folder, number))
        if number % FOLDER_OBJECTS == 0:
            path.parent.mkdir(parents=True)
        path.write_bytes(b"x")


def plan(dest, count, fingerprint):
    """Plans the first `count` objects below s3://music/songs, all of which are done."""
    keys = CatalogTable.open(dest).keys(fingerprint)
    made = plan_tracks(listed("s3://music/songs", int(count)), keys)
    assert made.done == int(count)
