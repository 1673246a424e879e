"""Which run works on which tracks, so that runs at the same time don't do the same work.

Each run has an entry in the destination's ledger: the keys of the tracks that it has handed out,
when its claims end unless it renews them, and whether somebody waits for it. Claims save work. They
are not what keeps the table right: a run whose claims have ended meanwhile, as when its machine
was asleep, publishes through the same commits as everybody, which drop what is done already.
"""

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, Self

from lasaft_core.catalog.ledger import Document, Ledger
from lasaft_core.catalog.processes import identity, is_dead
from lasaft_core.errors import LasaftError, StoreError
from lasaft_core.storage import patient_for

_log = logging.getLogger(__name__)

LEASE_SECONDS: Final = 120.0  # clocks of machines may differ by less than this
BEAT_SECONDS: Final = 10.0
LEDGER_SECONDS: Final = 10.0  # a store that is away longer: work on without claims
ALONE_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Entry:
    """One run in the ledger. `workers` are those that an on-demand run asks others to leave free;
    `process` tells on its own machine whether it lives."""

    run_id: str
    on_demand: bool = False
    workers: int = 0
    process: str = ""
    ends_at: float = 0.0  # seconds since 1970
    keys: frozenset[str] = field(default_factory=frozenset)

    def holding(self, keys: frozenset[str]) -> "Entry":
        return replace(self, keys=self.keys | keys)

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "keys": sorted(self.keys)}

    @classmethod
    def from_dict(cls, facts: dict[str, Any]) -> Self:
        return cls(**{**facts, "keys": frozenset(facts["keys"])})


def claim_key(source_uri: str, fingerprint: str) -> str:
    """Short, and the same for every name, however odd."""
    name = f"{fingerprint} {source_uri}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(name).hexdigest()[:20]


class RunClaims:
    """A run's own claims and what it sees of others'; renewed by a thread while the run lasts.

    A store that can't be reached costs no run: its claims are then not known to others.
    """

    def __init__(
        self,
        dest_uri: str,
        run_id: str,
        *,
        on_demand: bool = False,
        alone: bool = False,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._dest_uri, self._alone, self._now = dest_uri, alone, now
        self._entry = Entry(run_id, on_demand, process=identity())
        self._ledger = Ledger(dest_uri)
        self.others: tuple[Entry, ...] = ()  # runs under way, as last seen
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="claims", daemon=True)

    def announce(self, workers: int = 0) -> None:
        """Says that the run is under way, from now until `close`. Raises StoreError where it must
        be `alone`, for want of conditional creation, and another run is under way."""
        self._entry = replace(self._entry, workers=workers)
        for pause_seconds in (0.0, ALONE_SECONDS) if self._alone else (0.0,):
            time.sleep(pause_seconds)  # two that began at once have overwritten each other by now
            self._update(lambda entry, _: entry, refresh=True)
            if self._alone and self.others:
                self.close()
                raise StoreError(
                    f"another run is under way at {self._dest_uri}",
                    expected="one at a time: this store can't refuse to create what exists",
                    got=f"run {self.others[0].run_id}",
                    remedy=f"wait for its end, or {LEASE_SECONDS:.0f} s if it was killed",
                )
        self._thread.start()

    def claim(self, keys: Iterable[str]) -> set[str]:
        """Those of the keys that this run may work on now; all of them where the ledger is out of
        reach."""
        wanted = frozenset(keys)
        if not wanted <= self._entry.keys:
            told = self._update(lambda entry, taken: entry.holding(wanted - taken))
            if not told:
                self._entry = self._entry.holding(wanted)
        return set(wanted & self._entry.keys)

    def release(self, keys: Iterable[str]) -> None:
        """Told to others with the next claim or renewal."""
        with self._lock:
            self._entry = replace(self._entry, keys=self._entry.keys - frozenset(keys))

    def renew(self) -> None:
        self._update(lambda entry, _: entry)

    @property
    def workers_wanted(self) -> int:
        """By on-demand runs, of one that nobody waits for."""
        if self._entry.on_demand:
            return 0
        return sum(other.workers for other in self.others if other.on_demand)

    def close(self) -> None:
        """Frees all; what can't be freed ends by itself."""
        self.stop_renewing()
        with self._lock, suppress(LasaftError), patient_for(LEDGER_SECONDS):
            self._ledger.update(lambda document: _document(self._living(document)))

    def stop_renewing(self) -> None:
        self._is_over.set()

    def _beat(self) -> None:
        while not self._is_over.wait(BEAT_SECONDS):
            self.renew()

    def _update(
        self, change: Callable[[Entry, frozenset[str]], Entry], *, refresh: bool = False
    ) -> bool:
        """`change` gets the own entry and the keys that others hold. False where the ledger is out
        of reach."""

        def changed(document: Document) -> Document:
            others = self._living(document)
            taken = frozenset[str]().union(*(other.keys for other in others))
            mine = replace(change(self._entry, taken), ends_at=self._now() + LEASE_SECONDS)
            return _document([*others, mine])

        with self._lock, patient_for(LEDGER_SECONDS):
            if self._is_over.is_set():
                return True
            try:
                if refresh:
                    self._ledger.refresh()
                self._ledger.update(changed)
            except LasaftError as error:
                _log.warning("claims=out_of_reach run=%s error=%s", self._entry.run_id, error)
                return False
            entries = {entry.run_id: entry for entry in _entries(self._ledger.document)}
            self._entry = entries.pop(self._entry.run_id)
            self.others = tuple(entries.values())
            return True

    def _living(self, document: Document) -> list[Entry]:
        """The entries of other runs that have not ended, as far as can be seen from here."""
        return [
            entry
            for entry in _entries(document)
            if entry.run_id != self._entry.run_id
            and entry.ends_at > self._now()
            and not is_dead(entry.process)
        ]


def _entries(document: Document) -> list[Entry]:
    """Those of the document that can be understood."""
    found = []
    for facts in document.get("runs", ()):
        with suppress(TypeError, KeyError):
            found.append(Entry.from_dict(facts))
    return found


def _document(entries: Iterable[Entry]) -> Document:
    return {"runs": [entry.to_dict() for entry in entries]}
