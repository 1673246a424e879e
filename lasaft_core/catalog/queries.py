"""Questions to one version of the table, in SQL over Delta Lake's own engine.

Values are quoted as literals: the engine takes no parameters.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final, NamedTuple, TypeVar

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder

from lasaft_core.catalog.key_index import Key
from lasaft_core.catalog.rows import SCHEMA, AttemptRow, TrackRow

Item = TypeVar("Item")

KEYS_PER_QUERY: Final = 5000
"""As many as the text of one query may name: 1 MB of it, at 200 bytes each."""

KEYS_SCHEMA = pa.schema(
    [
        ("source_uri", pa.string()),
        ("source_etag", pa.string()),
        ("source_bytes", pa.int64()),
        ("status", pa.string()),
        ("reason", pa.string()),
    ]
)
"""Columns of `CatalogTable.keys`."""

SAMPLE_SCHEMA = pa.schema(
    [
        ("source_uri", pa.string()),
        ("source_bytes", pa.int64()),
        ("duration_seconds", pa.float64()),
        ("stem_bytes", pa.int64()),
        ("work_seconds", pa.float64()),
    ]
)
"""Columns of `CatalogTable.sample`, what estimates are made of."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a new row must know of the one that is there."""

    status: str
    source_etag: str
    run_id: str | None = None
    attempts: tuple[AttemptRow, ...] = ()


class StemPlace(NamedTuple):
    """Where one stem of a song lies."""

    source_uri: str
    target: str
    uri: str


@dataclass(frozen=True, slots=True)
class StatusCount:
    """Tracks of one model that ended in one way."""

    model_fingerprint: str
    status: str
    reason: str | None
    tracks: int
    audio_seconds: float


@dataclass(frozen=True, slots=True)
class SupersededCount:
    """One model's rows that others have taken the place of, and what their stems take up."""

    model_fingerprint: str
    rows: int
    bytes: int


def where(**columns: str | None) -> str:
    """`WHERE a = 'x' AND ...` over the columns that are not None."""
    terms = [f"{name} = {_literal(value)}" for name, value in columns.items() if value is not None]
    return f" WHERE {' AND '.join(terms)}" if terms else ""


def having(keys: Iterable[Key]) -> str:
    """The condition that holds for the rows of these keys and for no other."""
    by_model: dict[str, list[str]] = {}
    for source_uri, fingerprint in keys:
        by_model.setdefault(fingerprint, []).append(_literal(source_uri))
    return " OR ".join(
        f"(model_fingerprint = {_literal(fingerprint)} AND source_uri IN ({', '.join(uris)}))"
        for fingerprint, uris in by_model.items()
    )


def portions(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """All of them, `size` at a time."""
    rest = iter(items)
    while portion := list(islice(rest, size)):
        yield portion


def batches(table: DeltaTable, sql: str) -> Iterator[pa.RecordBatch]:
    """The answer as it comes; the table is called `catalog` in the query."""
    answer = QueryBuilder().register("catalog", table).execute(sql)
    yield from map(pa.record_batch, answer)


def records(table: DeltaTable, sql: str) -> Iterator[Mapping[str, Any]]:
    """The answer as dictionaries."""
    for batch in batches(table, sql):
        yield from batch.to_pylist()


def rows_of(table: DeltaTable, among: Iterable[Key]) -> Iterator[TrackRow]:
    """Whole rows of those of the keys that have one."""
    sql = (
        f"SELECT {', '.join(SCHEMA.names)} FROM catalog WHERE {having(among)}"  # noqa: S608
        " ORDER BY source_uri, model_fingerprint"
    )
    return map(TrackRow.from_dict, records(table, sql))


def done_sources(table: DeltaTable) -> Iterator[str]:
    """Addresses of objects that have a done row, as often as they have one."""
    sql = f"SELECT source_uri FROM catalog{where(status='done')}"  # noqa: S608
    return (row["source_uri"] for row in records(table, sql))


def stems_of_run(
    table: DeltaTable, fingerprint: str, run_id: str, *, max_songs: int
) -> Iterator[StemPlace]:
    """Of any songs that a run has done: unordered, so that reading ends with the last of them."""
    ours = where(status="done", model_fingerprint=fingerprint, run_id=run_id)
    return _stems(table, ours, max_songs)


def stems_below(
    table: DeltaTable, fingerprint: str, sources: Iterable[str], *, except_run: str, max_songs: int
) -> Iterator[StemPlace]:
    """Of any songs at or below the sources, canonical addresses, that other runs have done."""
    below = " OR ".join(
        f"source_uri = {_literal(source)} OR starts_with(source_uri, {_literal(f'{source}/')})"
        for source in sources
    )
    done = where(status="done", model_fingerprint=fingerprint)
    theirs = f"{done} AND (run_id IS DISTINCT FROM {_literal(except_run)}) AND ({below})"
    return _stems(table, theirs, max_songs)


def _stems(table: DeltaTable, chosen: str, max_songs: int) -> Iterator[StemPlace]:
    sql = (
        "SELECT source_uri, stem['target'] AS target, stem['uri'] AS uri FROM ("  # noqa: S608
        " SELECT source_uri, unnest(stems) AS stem FROM ("
        f" SELECT source_uri, stems FROM catalog{chosen} LIMIT {max_songs}))"
    )
    return (StemPlace(**row) for row in records(table, sql))


def keys(table: DeltaTable, fingerprint: str) -> pa.Table:
    """Columns of `KEYS_SCHEMA`."""
    columns = ", ".join(KEYS_SCHEMA.names)
    sql = f"SELECT {columns} FROM catalog{where(model_fingerprint=fingerprint)}"  # noqa: S608
    return _table(batches(table, sql), KEYS_SCHEMA)


def standing(table: DeltaTable, among: Iterable[Key]) -> dict[Key, Standing]:
    """Of those of the keys that have a row."""
    columns = "source_uri, model_fingerprint, status, source_etag, run_id, attempts"
    sql = f"SELECT {columns} FROM catalog WHERE {having(among)}"  # noqa: S608
    return {
        (row["source_uri"], row["model_fingerprint"]): Standing(
            row["status"],
            row["source_etag"],
            row["run_id"],
            tuple(AttemptRow(**attempt) for attempt in row["attempts"] or ()),
        )
        for row in records(table, sql)
    }


def shards(table: DeltaTable) -> list[tuple[str, str]]:
    """First digits of model and work of all done rows: the folders that their stems lie in."""
    sql = (
        "SELECT DISTINCT substr(model_fingerprint, 1, 12) AS model12,"
        " substr(work_id, 1, 2) AS works"
        " FROM catalog WHERE status = 'done' ORDER BY model12, works"
    )
    return [(row["model12"], row["works"]) for row in records(table, sql)]


def of_shard(model12: str, works: str) -> str:
    """The condition for the done rows whose stems lie in one folder."""
    return (
        f" WHERE status = 'done' AND substr(model_fingerprint, 1, 12) = {_literal(model12)}"
        f" AND substr(work_id, 1, 2) = {_literal(works)}"
    )


def stems_of_shard(table: DeltaTable, model12: str, works: str) -> Iterator[str]:
    """Addresses of all stems that rows point to in one folder."""
    sql = (
        "SELECT stem['uri'] AS uri FROM (SELECT unnest(stems) AS stem"  # noqa: S608
        f" FROM catalog{of_shard(model12, works)})"
    )
    return (row["uri"] for row in records(table, sql))


def stems_of_works(table: DeltaTable, works: Iterable[str]) -> Iterator[str]:
    """Addresses of all stems that the rows of these works point to."""
    sql = (
        "SELECT stem['uri'] AS uri FROM (SELECT unnest(stems) AS stem"  # noqa: S608
        f" FROM catalog{_of_works(works)})"
    )
    return (row["uri"] for row in records(table, sql))


def rows_of_works(table: DeltaTable, works: Iterable[str]) -> Iterator[TrackRow]:
    """The done rows of these works."""
    sql = f"SELECT {', '.join(SCHEMA.names)} FROM catalog{_of_works(works)}"  # noqa: S608
    return map(TrackRow.from_dict, records(table, sql))


def _of_works(works: Iterable[str]) -> str:
    named = ", ".join(map(_literal, works))
    return f" WHERE status = 'done' AND work_id IN ({named})"


def superseded(table: DeltaTable, before: datetime, *, limit: int | None = None) -> Iterator[Key]:
    """Keys of done rows of objects that a later row of another model has been done for `before`,
    the first ones in the order of keys."""
    columns = "old.source_uri, old.model_fingerprint"
    sql = f"SELECT {columns}{_superseded('catalog', before, limit)}"
    return ((row["source_uri"], row["model_fingerprint"]) for row in records(table, sql))


def superseded_counts(
    table: DeltaTable, before: datetime, *, limit: int | None = None
) -> Iterator[SupersededCount]:
    """What `superseded` would give, by model. Stems are added up first: a join would hold them all
    in memory."""
    key = "source_uri, model_fingerprint, committed_at, status"
    sized = (
        f"(SELECT {key}, sum(stem['bytes']) AS bytes FROM"  # noqa: S608
        f" (SELECT {key}, unnest(stems) AS stem FROM catalog WHERE status = 'done') GROUP BY {key})"
    )
    sql = (
        "SELECT model_fingerprint, count(*) AS rows, sum(bytes) AS bytes FROM"  # noqa: S608
        f" (SELECT old.source_uri, old.model_fingerprint, old.bytes"
        f"{_superseded(sized, before, limit)})"
        " GROUP BY model_fingerprint ORDER BY model_fingerprint"
    )
    return (SupersededCount(**row) for row in records(table, sql))


def _superseded(old: str, before: datetime, limit: int | None) -> str:
    first = "" if limit is None else f" LIMIT {limit}"
    return (
        f" FROM {old} AS old JOIN ("  # noqa: S608
        " SELECT source_uri, max(committed_at) AS newest FROM catalog"
        " WHERE status = 'done' GROUP BY source_uri) AS latest"
        " ON old.source_uri = latest.source_uri"
        " WHERE old.status = 'done' AND old.committed_at < latest.newest"
        f" AND latest.newest < {_literal(before.isoformat())}::timestamp"
        f" ORDER BY old.source_uri, old.model_fingerprint{first}"
    )


def sample(table: DeltaTable, limit: int) -> pa.Table:
    """Columns of `SAMPLE_SCHEMA`, of at most `limit` done rows."""
    sql = "SELECT source_uri, source_bytes, duration_seconds, stems, seconds FROM catalog"
    rows = [
        {
            **row,
            "stem_bytes": sum(stem["bytes"] or 0 for stem in row["stems"]),
            "work_seconds": sum(filter(None, (row["seconds"] or {}).values())) or None,
        }
        for row in records(table, f"{sql}{where(status='done')} LIMIT {limit}")
    ]
    return pa.Table.from_pylist(rows, schema=SAMPLE_SCHEMA)


def counts(table: DeltaTable) -> list[StatusCount]:
    """Largest first."""
    sql = (
        "SELECT model_fingerprint, status, reason, count(*) AS tracks,"
        " coalesce(sum(duration_seconds), 0.0) AS audio_seconds"
        " FROM catalog GROUP BY model_fingerprint, status, reason"
        " ORDER BY tracks DESC, model_fingerprint, status, reason"
    )
    return [StatusCount(**row) for row in records(table, sql)]


def _table(found: Iterable[pa.RecordBatch], schema: pa.Schema) -> pa.Table:
    """The engine gives views of strings, which few functions of pyarrow take."""
    return pa.concat_tables([schema.empty_table(), *_cast(found, schema)])


def _cast(found: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    for batch in found:
        yield pa.Table.from_batches([batch]).cast(schema)


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
