"""The catalog table: one row per source object and model, published by commits.

A commit is a compare-and-swap on the table's version: it is made against exactly the version
that was looked at, or fails and is thought over again.

    look up the batch's keys in version N
        all new          append     -> N+1, or somebody else has made N+1: look again
        some are there   replace    -> N+1, or ...
        all are done     nothing to do

A commit whose answer got lost may have been made: looking again tells.

Not here: which rows of a batch are written (`merging.py`), the stems themselves
(`publication.py`) and what a run should do (`plan.py`).
"""

import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Self, TypeVar

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from lasaft_core.catalog import history, queries
from lasaft_core.catalog.key_index import Key, KeyIndex
from lasaft_core.catalog.merging import Choice, one_per_key, replacing, same_stems, unknown
from lasaft_core.catalog.queries import Standing, StatusCount, where
from lasaft_core.catalog.rows import SCHEMA, TrackRow
from lasaft_core.errors import StoreBrokeOff, StoreError
from lasaft_core.storage import (
    Pauses,
    canonical_uri,
    delta_broke_off,
    delta_storage_options,
    delta_told,
    delta_uri,
    join,
    list_names,
)

_log = logging.getLogger(__name__)

Answer = TypeVar("Answer")
Item = TypeVar("Item")

_COMMIT_TRIES = 30
_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 3.0
_ONE_TRY = CommitProperties(max_commit_retries=0)


class CatalogTable:
    """`dest/catalog`. A table that does not exist yet is an empty one; publishing creates it."""

    def __init__(self, dest_uri: str) -> None:
        self.uri = join(canonical_uri(dest_uri), "catalog")
        self._delta_uri = delta_uri(self.uri)
        self._options = delta_storage_options(self.uri)
        self._table: DeltaTable | None = None
        self._index: KeyIndex | None = None
        self._expected_version = -1  # if nobody but us has committed since the plan was made

    @classmethod
    def open(cls, dest_uri: str) -> Self:
        """Raises StoreError where the destination can't be read."""
        table = cls(dest_uri)
        table._latest()
        return table

    @property
    def version(self) -> int | None:
        """Of the newest commit; None before the first."""
        table = self._latest()
        return table.version() if table else None

    def keys(self, fingerprint: str) -> pa.Table:
        """What planning needs to know of one model's rows: `queries.KEYS_SCHEMA`."""
        table = self._latest()
        with _told(self.uri, "read"):
            return queries.keys(table, fingerprint) if table else queries.KEYS_SCHEMA.empty_table()

    def sample(self, limit: int = 1000) -> pa.Table:
        """Some done rows to estimate from: `queries.SAMPLE_SCHEMA`."""
        table = self._latest()
        with _told(self.uri, "read"):
            return queries.sample(table, limit) if table else queries.SAMPLE_SCHEMA.empty_table()

    def counts(self) -> list[StatusCount]:
        """Tracks by model, status and reason, largest first."""
        table = self._latest()
        with _told(self.uri, "read"):
            return queries.counts(table) if table else []

    def rows(
        self, fingerprint: str | None = None, *, status: str | None = None, limit: int | None = None
    ) -> Iterator[TrackRow]:
        """Whole rows, newest commit first."""
        cut = "" if limit is None else f" LIMIT {limit}"
        chosen = where(model_fingerprint=fingerprint, status=status)
        yield from self._rows(f"{chosen} ORDER BY committed_at DESC, source_uri{cut}")

    def find(self, source_uri: str, fingerprint: str | None = None) -> list[TrackRow]:
        """The rows of one object, newest first, one for each model that has seen it."""
        chosen = where(source_uri=canonical_uri(source_uri), model_fingerprint=fingerprint)
        return list(self._rows(f"{chosen} ORDER BY committed_at DESC"))

    def planned_at(self, version: int | None) -> None:
        """The version that the plan was made with, before which nothing is news."""
        self._expected_version = -1 if version is None else version

    def done_meanwhile(self, etags: Mapping[Key, str]) -> set[Key]:
        """Those of the keys that somebody else has done since `planned_at`, with this etag. Costs
        one small request where nobody has committed."""
        table = self._latest()
        if table is None or table.version() == self._expected_version:
            return set()
        standing = self._standing(table, list(etags))
        return {
            key
            for key, row in standing.items()
            if (row.status, row.source_etag) == ("done", etags[key])
        }

    def publish(self, rows: Sequence[TrackRow], *, force: bool = False) -> int:
        """Inserts or updates by key in one commit; returns how many rows it wrote.

        A done row of the same etag stays as it is; with `force` a new done row replaces it. Against
        a failure that says nothing of the bytes a done row of any etag stays. Raises StoreError
        when the store fails, or other writers win every one of our tries.
        """
        return self._insert(one_per_key(rows), partial(replacing, force=force))

    def restore(self, rows: Sequence[TrackRow]) -> int:
        """Inserts rows whose keys have none, with the time of commit that they bear; returns how
        many. Raises StoreError as `publish` does."""
        return self._insert(one_per_key(rows), unknown)

    def _insert(self, batch: Sequence[TrackRow], choose: Choice) -> int:
        """Commits what is chosen of a batch, in sight of the rows that its keys have."""
        for tried in range(_COMMIT_TRIES if batch else 0):
            table = self._latest() or self._created()
            if table is None:
                time.sleep(_pause_seconds(tried))
                continue
            standing = self._standing(table, [row.key for row in batch])
            wanted = choose(batch, standing)
            if not wanted or self._commit(table, wanted, standing):
                return len(wanted)
            _log.info(
                "catalog=%s version=%s commit=lost tried=%d", self.uri, table.version(), tried
            )
            time.sleep(_pause_seconds(tried))
        if not batch:
            return 0
        raise _crowded(self.uri)

    def shards(self) -> list[tuple[str, str]]:
        """(first 12 digits of the model, first 2 of the work) of all done rows."""
        table = self._latest()
        with _told(self.uri, "read"):
            return queries.shards(table) if table else []

    def rows_of_shard(self, model12: str, works: str) -> Iterator[TrackRow]:
        """The done rows whose stems lie in one folder."""
        yield from self._rows(queries.of_shard(model12, works))

    def stems_of_shard(self, model12: str, works: str) -> Iterator[str]:
        """Addresses of all stems that rows point to in one folder."""
        return self.ask(partial(queries.stems_of_shard, model12=model12, works=works))

    def rows_of_keys(self, keys: Sequence[Key]) -> Iterator[TrackRow]:
        """Whole rows of those of the keys that have one."""
        for few in _portions(keys):
            yield from self.ask(partial(queries.rows_of, among=few))

    def withdraw(self, rows: Sequence[TrackRow]) -> int:
        """Not-done rows in the place of done ones whose stems are lost; returns how many.

        A row that has got other stems meanwhile stays. Raises StoreError as `publish` does.
        """
        return sum(map(self._swap, _portions(rows)))

    def remove(self, rows: Sequence[TrackRow]) -> int:
        """Takes rows out, those that are still as given; returns how many."""
        return sum(map(partial(self._swap, removing=True), _portions(rows)))

    def _swap(self, rows: Sequence[TrackRow], *, removing: bool = False) -> int:
        given = {row.key: row for row in rows}
        for tried in range(_COMMIT_TRIES):
            table = self._latest()
            if table is None:
                return 0
            chosen = queries.having(list(given))
            standing = {row.key: row for row in self._rows(f" WHERE {chosen}")}
            same = [key for key, row in given.items() if same_stems(row, standing.get(key))]
            if not same or self._exchange(table, [given[k] for k in same], removing=removing):
                return len(same)
            time.sleep(_pause_seconds(tried))
        raise _crowded(self.uri)

    def _exchange(self, table: DeltaTable, rows: list[TrackRow], *, removing: bool) -> bool:
        if not removing:
            now = datetime.now(UTC)
            lost = [replace(row, stems=(), committed_at=now) for row in rows]
            held = {row.key: Standing("done", row.source_etag) for row in rows}
            return self._commit(table, lost, held)
        try:
            with _told(self.uri, "write"):
                table.delete(queries.having([row.key for row in rows]), commit_properties=_ONE_TRY)
        except (CommitFailedError, StoreBrokeOff):
            return False
        self._index = None
        return True

    def compact(self, *, least_files: int = 64) -> bool:
        """Joins the small files of many commits; False when not worth it, or it did not come off:
        the next run's turn, since the table is as good as before."""
        try:
            table = self._latest()
            if table is None or len(table.file_uris()) < least_files:
                return False
            before = table.version()
            with _told(self.uri, "compact"):
                facts = table.optimize.compact(commit_properties=_ONE_TRY)
        except (CommitFailedError, StoreError, RuntimeError, ValueError) as error:
            _log.warning("catalog=%s compacted=no error=%s", self.uri, delta_told(error))
            return False
        if facts["numFilesAdded"] and table.version() == before + 1:
            self._note_own_commit(table.version(), ())
        return True

    def vacuum(self, kept: timedelta = history.KEPT, *, dry_run: bool = False) -> int:
        """Removes the files that only older versions have; returns how many: see `history.py`.
        Raises StoreError."""
        try:
            table = self._latest()
            if table is None:
                return 0
            names = set(list_names(self.uri))
            with _told(self.uri, "vacuum"):
                return history.vacuum(table, names, kept, dry_run=dry_run)
        except CommitFailedError as error:
            raise _crowded(self.uri) from error

    def ask(self, question: Callable[[DeltaTable], Iterable[Answer]]) -> Iterator[Answer]:
        """The answers to a question of `queries.py`, as they come; none where no table is yet."""
        table = self._latest()
        if table is not None:
            with _told(self.uri, "read"):
                yield from question(table)

    def _rows(self, clauses: str) -> Iterator[TrackRow]:
        sql = f"SELECT {', '.join(SCHEMA.names)} FROM catalog{clauses}"  # noqa: S608
        yield from map(TrackRow.from_dict, self.ask(partial(queries.records, sql=sql)))

    def _latest(self) -> DeltaTable | None:
        pauses = Pauses()
        while True:
            try:
                return self._looked_up()
            except StoreBrokeOff:
                if not pauses.wait():
                    raise

    def _looked_up(self) -> DeltaTable | None:
        with _told(self.uri, "open"):
            try:
                if self._table is None:
                    self._table = DeltaTable(self._delta_uri, storage_options=self._options)
                else:
                    self._table.update_incremental()
            except TableNotFoundError:
                self._table = None
        return self._table

    def _created(self) -> DeltaTable | None:
        """Ours, or that of another writer who was first; None where it did not come off."""
        try:
            with _told(self.uri, "create"):
                self._table = DeltaTable.create(
                    self._delta_uri, SCHEMA, storage_options=self._options
                )
            self._expected_version += self._expected_version == -1
        except (CommitFailedError, StoreError) as error:
            if self._latest() is None and not isinstance(error, StoreBrokeOff):
                raise
        return self._table

    def _standing(self, table: DeltaTable, keys: list[Key]) -> Mapping[Key, Standing]:
        """Those of the keys that are in the table."""
        if self._index is None or self._index.version != table.version():
            self._index = self._indexed(table)
        if not self._index.may_hold(keys):
            return {}
        with _told(self.uri, "read"):
            return queries.standing(table, keys)

    def _indexed(self, table: DeltaTable) -> KeyIndex:
        with _told(self.uri, "read"):
            found = queries.batches(table, "SELECT source_uri, model_fingerprint FROM catalog")
            columns = (tuple(column.to_pylist() for column in batch.columns) for batch in found)
            pairs = (pair for column in columns for pair in zip(*column, strict=True))
            return KeyIndex(table.version(), pairs)

    def _commit(
        self, table: DeltaTable, rows: list[TrackRow], standing: Mapping[Key, Standing]
    ) -> bool:
        """False when somebody else has committed since the version that we looked at, or nobody
        knows."""
        data = pa.Table.from_pylist([row.to_dict() for row in rows], schema=SCHEMA)
        try:
            with _told(self.uri, "write"):
                if any(row.key in standing for row in rows):
                    chosen = queries.having([row.key for row in rows])
                    _write(table, data, mode="overwrite", predicate=chosen)
                else:
                    _write(table, data, mode="append")
        except (CommitFailedError, StoreBrokeOff):
            return False
        self._note_own_commit(table.version(), [row.key for row in rows])
        return True

    def _note_own_commit(self, version: int, keys: Sequence[Key]) -> None:
        """Spares the next one a look at the whole table."""
        self._expected_version += version == self._expected_version + 1
        if self._index is not None and self._index.version == version - 1:
            self._index.add(version, keys)


def _crowded(uri: str) -> StoreError:
    return StoreError(
        f"{uri}: {_COMMIT_TRIES} commits lost to other writers",
        remedy="let fewer runs write here at once",
    )


def _portions(items: Sequence[Item]) -> Iterator[list[Item]]:
    return queries.portions(items, queries.KEYS_PER_QUERY)


def _write(table: DeltaTable, data: pa.Table, **how: Any) -> None:
    """Replacing by predicate rewrites the files that hold these keys: 3 s where MERGE takes 10."""
    write_deltalake(table, data, commit_properties=_ONE_TRY, **how)


def _pause_seconds(tried: int) -> float:
    longest = min(_PAUSE_SECONDS * 2**tried, _LONGEST_PAUSE_SECONDS)
    return random.uniform(_PAUSE_SECONDS / 4, longest)  # noqa: S311  spreads writers, no secret


@contextmanager
def _told(uri: str, verb: str) -> Iterator[None]:
    """Lost commits and missing tables pass through; anything else becomes one clear line."""
    try:
        yield
    except (CommitFailedError, TableNotFoundError):
        raise
    except (DeltaError, OSError, pa.ArrowException) as error:
        kind = StoreBrokeOff if delta_broke_off(error) else StoreError
        remedy = "check the store, its name and the credentials"
        raise kind(f"can't {verb} the table {uri}", got=delta_told(error), remedy=remedy) from error
