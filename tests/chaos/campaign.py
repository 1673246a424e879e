"""Runs over a catalog, one after another until nothing remains, on a store with bad days and with
workers and drivers that are killed at random; what came of it is compared with a quiet run.

The seed decides about songs and faults; which process meets which fault depends on timing too.
"""

import tempfile
from collections import Counter
from dataclasses import dataclass, field, fields
from pathlib import Path
from threading import Event, Thread
from uuid import uuid4

import numpy as np
import soundfile

from flows.catalog_run import run_catalog
from lasaft_core.catalog.table import CatalogTable
from lasaft_core.errors import SourceGone
from lasaft_core.storage import fetch, join, put, stat
from tests.chaos.bucket import TARGETS, Bucket
from tests.chaos.mixed_songs import DONE, write_songs
from tests.chaos.whole_runs import GONE_SECONDS, run_whole
from tests.marked_processes import wait_for_the_end_of_all

RATES = {
    **{"latency": 0.03, "reset before": 0.02, "reset after": 0.02, "truncated": 0.02},
    **{"500": 0.02, "503": 0.02},
    **{"kill before": 0.006, "kill after": 0.006, "kill later": 0.006},
}
MAX_RUNS = 20
STEP = 2.0**-23  # of 24 bits, full scale 1.0


@dataclass(slots=True)
class Outcome:
    """What a campaign has met and what it has left behind."""

    requests: int = 0
    faults: Counter = field(default_factory=Counter)
    kills: Counter = field(default_factory=Counter)
    runs: int = 0
    tracks: int = 0
    good: int = 0
    losses: int = 0  # tracks without their row
    wrong: int = 0  # rows that say something else than they must
    duplicates: int = 0  # rows too many
    lies: int = 0  # rows that a reader saw while a stem was missing
    stems: int = 0
    stems_bit_equal: int = 0
    largest_steps: float = 0.0  # between a stem and the quiet run's
    orphans: int = 0  # removed by repair; it fails where one stays

    @property
    def is_clean(self):
        bad = self.losses + self.wrong + self.duplicates + self.lies
        return not bad and self.largest_steps <= 2.0 and self.stems == len(TARGETS) * self.good

    def add(self, other):
        for name in (found.name for found in fields(self)):
            before, value = getattr(self, name), getattr(other, name)
            setattr(self, name, max(before, value) if name == "largest_steps" else before + value)


class Campaign:
    """`carry_out` needs a fresh bucket; the environment leads to the store, not the proxy."""

    def __init__(self, bucket: Bucket, proxied, *, tracks: int, seed: int):
        self._bucket, (self._proxy, self._environment) = bucket, proxied
        self._expected = write_songs(bucket.folder / "songs", tracks, seed)
        self._outcome, self._mark = Outcome(tracks=tracks), uuid4().hex

    def carry_out(self):
        for name in self._expected:
            put(self._bucket.folder / "songs" / name, join(self._bucket.url, "in", name))
        reader = Reader(self._bucket.dest)
        with reader:
            while (left := self._left()) and self._outcome.runs < MAX_RUNS:
                self._run(force=left == {"quarantined"})
        self._outcome.lies = len(reader.lies)
        self._compare_rows()
        self._outcome.orphans = self._bucket.repair()
        self._compare_stems()
        wait_for_the_end_of_all(self._mark, GONE_SECONDS)
        facts = self._proxy.facts()
        self._outcome.requests, self._outcome.faults = facts.requests, facts.injected
        self._outcome.kills = facts.killed
        return self._outcome

    def _rows(self):
        return list(CatalogTable.open(self._bucket.dest).rows())

    def _name(self, row):
        return row.source_uri.rpartition("/in/")[2]

    def _left(self):
        """What stands in the way of being done: rows' statuses, None for a missing one."""
        found = {self._name(row): (row.status, row.reason) for row in self._rows()}
        pairs = ((found.get(name), outcome) for name, outcome in self._expected.items())
        return {got and got[0] for got, expected in pairs if got != expected}

    def _run(self, *, force):
        self._outcome.runs += 1
        options = ("--force", "failed") if force else ()
        run_whole(self._bucket, self._environment, *options, mark=self._mark)

    def _compare_rows(self):
        rows = self._rows()
        named = {self._name(row): (row.status, row.reason) for row in rows}
        self._outcome.duplicates = len(rows) - len(named)
        self._outcome.losses = len(self._expected.keys() - named.keys())
        self._outcome.wrong = sum(named[n] != self._expected.get(n) for n in named)
        self._outcome.good = sum(outcome == DONE for outcome in self._expected.values())

    def _compare_stems(self):
        quiet = Bucket(f"file://{self._bucket.folder}/quiet", self._bucket.folder)
        songs = str(self._bucket.folder / "songs")
        run_catalog(quiet.config(sources=(songs,), max_failure_rate=1.0))
        rows = CatalogTable.open(quiet.dest).rows(status="done")
        of_quiet_run = {row.source_uri.rpartition("/songs/")[2]: row for row in rows}
        for row in self._rows():
            if row.status == "done":
                pairs = zip(row.stems, of_quiet_run[self._name(row)].stems, strict=True)
                for ours, theirs in pairs:
                    self._compare(ours, theirs)

    def _compare(self, ours, theirs):
        self._outcome.stems += 1
        self._outcome.stems_bit_equal += ours.sha256 == theirs.sha256
        if ours.sha256 != theirs.sha256:
            difference = np.abs(_samples(ours.uri) - _samples(theirs.uri)).max() / STEP
            self._outcome.largest_steps = max(self._outcome.largest_steps, float(difference))


def _samples(uri):
    with tempfile.TemporaryDirectory() as folder:
        return soundfile.read(fetch(uri, Path(folder, "stem.flac")).path)[0]


class Reader:
    """Looks into the table all the time; `lies` are stems of rows that are not there whole."""

    def __init__(self, dest):
        self._dest, self._seen, self.lies = dest, set(), []
        self._ended, self._thread = Event(), Thread(target=self._watch)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join()
        self._look()

    def _watch(self):
        while not self._ended.wait(0.5):
            self._look()

    def _look(self):
        for row in CatalogTable.open(self._dest).rows(status="done"):
            for stem in row.stems:
                if stem.uri not in self._seen:
                    self._seen.add(stem.uri)
                    if not _is_whole(stem):
                        self.lies.append(stem.uri)


def _is_whole(stem):
    try:
        return stat(stem.uri).size == stem.bytes
    except SourceGone:
        return False
