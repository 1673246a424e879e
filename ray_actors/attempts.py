"""One attempt at one track: where it stands, what it took, and the row that it ends in."""

import os
import platform
import resource
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from lasaft_core.catalog.identity import work_id
from lasaft_core.catalog.rows import AttemptRow, SecondsRow, StemRow, TagsRow, TrackRow
from lasaft_core.errors import (
    EmptySource,
    NonFiniteAudio,
    NotAudio,
    TooLong,
    TrackError,
    TruncatedAudio,
    UnsupportedChannels,
    UnsupportedRate,
)
from lasaft_core.song import SongResult, StemFile
from lasaft_core.storage import Fetched
from ray_actors.credentials import redacted
from ray_actors.messages import TrackResult, TrackTask, WorkerSettings

_DECODING = (
    *(EmptySource, NonFiniteAudio, NotAudio, TruncatedAudio),
    *(TooLong, UnsupportedChannels, UnsupportedRate),
)
_TAGS = ("title", "artist", "album", "isrc")


def worker_name() -> str:
    return f"{platform.node()}/{os.getpid()}"


def code_version() -> str | None:
    """None in a source tree that was never installed."""
    try:
        return version("lasaft-stems")
    except PackageNotFoundError:
        return None


def peak_memory_bytes() -> int:
    """Of this program since it started. `ru_maxrss`, the fallback, also counts what the process
    was before, a large parent's copy; its unit differs by system."""
    status = Path("/proc/self/status")
    told = status.read_text().partition("VmHWM:")[2] if status.exists() else ""
    if told:  # not on every kernel
        return 1024 * int(told.split()[0])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def base_row(task: TrackTask, settings: WorkerSettings, **columns: Any) -> TrackRow:
    """The columns that every row of a run shares, whatever became of the track."""
    return TrackRow(
        source_uri=task.source.uri,
        source_etag=task.source.etag,
        source_bytes=task.source.size,
        model_fingerprint=settings.fingerprint,
        model_name=settings.model_name,
        weights_sha256=settings.weights_sha256,
        weights_licence=settings.weights_licence,
        code_version=code_version(),
        run_id=settings.run_id,
        flow_run_id=settings.flow_run_id,
        **{"attempts": task.history, **columns},
    )


def describe(error: BaseException) -> dict[str, str]:
    """Status, reason, type and message of an exception, without credentials."""
    kind = type(error) if isinstance(error, TrackError) else None
    return {
        "status": kind.status if kind else "failed",
        "reason": kind.reason if kind else "internal",
        "error_type": type(error).__name__,
        "error_message": redacted(str(error) or repr(error)),
    }


@dataclass(slots=True)
class Attempt:
    """Filled in stage by stage, so that a failure knows how far it came."""

    task: TrackTask
    settings: WorkerSettings
    device: str
    stage: str = "download"
    seconds: dict[str, float] = field(default_factory=dict)
    fetched: Fetched | None = None
    windows: int = 0
    whole_at: float = 0.0

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        self.stage, started = stage, time.monotonic()
        try:
            yield
        finally:
            self.seconds[stage] = time.monotonic() - started

    @property
    def work_id(self) -> str | None:
        content = self.fetched and self.fetched.sha256
        return work_id(content, self.settings.fingerprint) if content else None

    def _columns(self) -> dict[str, Any]:
        return {
            "content_sha256": self.fetched.sha256 if self.fetched else None,
            "work_id": self.work_id,
            "seconds": SecondsRow(**self.seconds),
            "device": self.device,
            "node": platform.node(),
            "peak_memory_bytes": peak_memory_bytes(),
        }

    def failed(self, error: Exception) -> TrackResult:
        """The row of a track that can't be done, with the stage that it broke in."""
        stage = "decode" if isinstance(error, _DECODING) else self.stage
        facts = describe(error)
        lost = AttemptRow(
            attempt=self.task.attempt,
            stage=stage,
            error=f"{facts['error_type']}: {facts['error_message']}",
            worker=worker_name(),
        )
        attempts = (*self.task.history, lost)
        columns = self._columns() | facts | {"stage": stage, "attempts": attempts}
        return self._result(base_row(self.task, self.settings, **columns))

    def done(self, song: SongResult, stems: Mapping[str, str]) -> TrackRow:
        """`stems` maps each target to the address that its file has in the store."""
        audio = song.audio
        duration = song.frames / audio.sample_rate
        working = sum(self.seconds.get(stage, 0.0) for stage in ("decode", "separate", "encode"))
        return base_row(
            self.task,
            self.settings,
            status="done",
            tags=TagsRow(**{tag: audio.tags.get(tag) for tag in _TAGS}),
            container=audio.container,
            codec=audio.codec,
            sample_rate=audio.sample_rate,
            channels=audio.channels,
            frames=song.frames,
            duration_seconds=duration,
            stems=tuple(stem_row(stem, stems[stem.target]) for stem in song.stems),
            reconstruction_db=song.reconstruction_db,
            common_gain_db=song.common_gain_db,
            realtime_factor=duration / working if working else None,
            **self._columns(),
        )

    def adopted(self, row: TrackRow) -> TrackResult:
        """Another object's stems serve this one: same bytes, same model."""
        own = base_row(self.task, self.settings, status="failed")
        same = {name: getattr(own, name) for name in _OWN_COLUMNS}
        return self._result(replace(row, **same, seconds=SecondsRow(**self.seconds)), adopted=True)

    def finished(self, row: TrackRow) -> TrackResult:
        """The published row, now with the seconds that its own upload took."""
        return self._result(replace(row, seconds=SecondsRow(**self.seconds)))

    def _result(self, row: TrackRow, *, adopted: bool = False) -> TrackResult:
        return TrackResult(
            row=row,
            windows=self.windows,
            source_bytes_read=self.fetched.size if self.fetched else 0,
            audio_seconds=row.duration_seconds or 0.0,
            adopted=adopted,
            whole_at=self.whole_at,
        )


_OWN_COLUMNS = (
    "source_uri",
    "source_etag",
    "source_bytes",
    "attempts",
    "run_id",
    "flow_run_id",
    "code_version",
    "schema_version",
)


def stem_row(stem: StemFile, uri: str) -> StemRow:
    names = [name for name in StemRow.__dataclass_fields__ if name != "uri"]
    return StemRow(uri=uri, **{name: getattr(stem, name) for name in names})


def lost_attempt(task: TrackTask, error: str, worker: str | None) -> TrackTask:
    """The task with the attempt that ended with its worker added to its history."""
    lost = AttemptRow(attempt=task.attempt, stage="worker", error=redacted(error), worker=worker)
    return replace(task, history=(*task.history, lost))


def quarantined(task: TrackTask, settings: WorkerSettings) -> TrackResult:
    """A track that has killed its workers, with the history of how."""
    row = base_row(
        task,
        settings,
        status="quarantined",
        reason="worker_lost",
        error_type="WorkerLost",
        error_message=f"{len(task.history)} workers were lost: {task.history[-1].error}",
        stage="worker",
    )
    return TrackResult(row=row)


def broken(task: TrackTask, settings: WorkerSettings, error: Exception) -> TrackResult:
    """A track whose worker lives on but could not even make a row of its own."""
    return TrackResult(row=base_row(task, settings, stage="worker", **describe(error)))
