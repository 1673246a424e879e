"""What a catalog run is told and what it says: configuration, progress, report."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal, get_args

from flows.addresses import check_address
from lasaft_core.catalog.plan import Force
from lasaft_core.errors import InvalidOption
from lasaft_core.song import SongOptions

StopCause = Literal["max_hours", "failure_rate", "cancelled"]

EXECUTORS = ("ray", "inline")


def _require(option: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InvalidOption(option, expected=f"one of {', '.join(choices)}", got=repr(value))


@dataclass(frozen=True, slots=True)
class RunConfig:
    """One catalog run. Credentials are never part of it: they come from the environment."""

    sources: tuple[str, ...]
    dest: str
    checkpoint: str = "default"
    song: SongOptions = field(default_factory=SongOptions)
    device: str = "auto"
    precision: str = "auto"
    workers: int | None = None
    gpus_per_worker: float = 0.0
    cpus_per_worker: float | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    limit: int | None = None
    force: str = "none"
    max_failure_rate: float = 0.0
    max_hours: float | None = None
    executor: str = "ray"
    on_demand: bool = False

    def __post_init__(self) -> None:
        _require("--force", self.force, get_args(Force))
        _require("executor", self.executor, EXECUTORS)
        if not self.sources:
            raise InvalidOption("--source", expected="at least one URL or path", got="none")
        for source in self.sources:
            check_address("--source", source)
        check_address("--dest", self.dest)
        check_address("--checkpoint", self.checkpoint)
        if self.workers is not None and self.workers < 1:
            raise InvalidOption("--workers", expected="1 or more", got=self.workers)
        if not 0 <= self.gpus_per_worker < math.inf:
            raise InvalidOption("--gpus-per-worker", expected="0 or more", got=self.gpus_per_worker)
        if self.cpus_per_worker is not None and not 0 < self.cpus_per_worker < math.inf:
            got = self.cpus_per_worker
            raise InvalidOption("--cpus-per-worker", expected="more than 0", got=got)
        if self.limit is not None and self.limit < 0:
            raise InvalidOption("--limit", expected="0 or more", got=self.limit)
        if not 0.0 <= self.max_failure_rate <= 1.0:
            got = self.max_failure_rate
            raise InvalidOption("--max-failure-rate", expected="a share from 0 to 1", got=got)
        if self.max_hours is not None and not 0 < self.max_hours < math.inf:
            raise InvalidOption("--max-hours", expected="more than 0", got=self.max_hours)


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands. The audio total is an estimate from the objects' sizes."""

    tracks_done: int
    tracks_total: int
    audio_seconds_done: float
    audio_seconds_total: float
    failed: int
    elapsed_seconds: float


@dataclass(frozen=True, slots=True)
class Failure:
    """One track that is not done, as a person reads it."""

    source_uri: str
    status: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run planned, did and left undone."""

    run_id: str
    planned: Mapping[str, int]  # action -> tracks; those not worked on as done and left
    done: int = 0
    skipped: int = 0
    failed: int = 0
    quarantined: int = 0
    adopted: int = 0
    done_elsewhere: int = 0  # by another run since the plan was made
    passed_over: int = 0  # held by another run to the end
    unpublished: int = 0  # finished, but the store was away when the run had to end
    windows: int = 0
    source_bytes_read: int = 0
    audio_seconds: float = 0.0
    elapsed_seconds: float = 0.0
    failures: tuple[Failure, ...] = ()  # worst first; of very many only some
    reasons: Mapping[str, int] = field(default_factory=dict)  # of all that are not done -> tracks
    stopped: StopCause | None = None
    model_fingerprint: str = ""

    @property
    def finished(self) -> int:
        return self.done + self.skipped + self.failed + self.quarantined

    @property
    def without_stems(self) -> int:
        return self.skipped + self.failed + self.quarantined

    @property
    def failure_rate(self) -> float:
        bad = self.failed + self.quarantined
        return bad / self.finished if bad else 0.0

    def exit_code(self, max_failure_rate: float = 0.0) -> int:
        """0 all well, 1 failures above the allowed rate or a run that was broken off."""
        broken_off = self.stopped in ("cancelled", "failure_rate")
        return int(broken_off or self.failure_rate > max_failure_rate)

    def to_dict(self) -> dict[str, object]:
        """Plain values, ready for JSON."""
        facts = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {
            **facts,
            "planned": dict(self.planned),
            "reasons": dict(self.reasons),
            "failure_rate": self.failure_rate,
            "failures": [asdict(failure) for failure in self.failures],
        }
