"""One row per source object and model, as the catalog table keeps it.

The dataclasses and `SCHEMA` name the same columns in the same order. Seconds, bytes and decibels
stand in the names; a level of digital silence is None, never minus infinity.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from typing import Any, Self

import pyarrow as pa

SCHEMA_VERSION = 1
STATUSES = ("done", "skipped", "failed", "quarantined")


@dataclass(frozen=True, slots=True, kw_only=True)
class TagsRow:
    """Tags of the source that the table keeps."""

    title: str | None = None
    artist: str | None = None
    album: str | None = None
    isrc: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondsRow:
    """Seconds spent in each stage; None for a stage that was not reached."""

    download: float | None = None
    decode: float | None = None
    separate: float | None = None
    encode: float | None = None
    upload: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRow:
    """One try at a track that did not end well."""

    attempt: int
    stage: str
    error: str
    worker: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StemRow:
    """One stem as the store holds it. `active_intervals` are (start, end) in seconds."""

    target: str
    uri: str
    sha256: str
    bytes: int
    frames: int
    sample_rate: int
    channels: int
    codec: str
    integrated_lufs: float | None = None
    true_peak_db: float | None = None
    rms_db: float | None = None
    silence_ratio: float | None = None
    clipped_samples: int | None = None
    bandwidth_hz: float | None = None
    active_intervals: tuple[tuple[float, float], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Columns as plain values; intervals become `start_seconds`, `end_seconds` structs."""
        row = _columns(self)
        row["active_intervals"] = [
            {"start_seconds": start, "end_seconds": end} for start, end in self.active_intervals
        ]
        return row

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`."""
        intervals = row.get("active_intervals") or ()
        pairs = tuple((float(i["start_seconds"]), float(i["end_seconds"])) for i in intervals)
        return cls(**{**row, "active_intervals": pairs})


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackRow:
    """Key (`source_uri`, `model_fingerprint`). `committed_at` is stamped by the table, or
    tells of a rebuilt row when its stems were put."""

    source_uri: str
    source_etag: str
    source_bytes: int
    content_sha256: str | None = None
    work_id: str | None = None
    tags: TagsRow = TagsRow()
    container: str | None = None
    codec: str | None = None
    sample_rate: int | None = None
    channels: int | None = None
    frames: int | None = None
    duration_seconds: float | None = None
    status: str
    reason: str | None = None
    error_type: str | None = None
    error_message: str | None = None
    stage: str | None = None
    attempts: tuple[AttemptRow, ...] = ()
    stems: tuple[StemRow, ...] = ()
    reconstruction_db: float | None = None
    common_gain_db: float | None = None
    seconds: SecondsRow = SecondsRow()
    device: str | None = None
    node: str | None = None
    realtime_factor: float | None = None
    peak_memory_bytes: int | None = None
    model_name: str | None = None
    model_fingerprint: str
    weights_sha256: str | None = None
    weights_licence: str | None = None
    code_version: str | None = None
    run_id: str | None = None
    flow_run_id: str | None = None
    committed_at: datetime | None = None
    schema_version: int = SCHEMA_VERSION

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise ValueError(f"status {self.status!r} is none of {', '.join(STATUSES)}")
        if self.status == "done" and not (self.stems and self.content_sha256 and self.work_id):
            raise ValueError(f"a done row needs stems, content and work_id: {self.source_uri}")

    @property
    def key(self) -> tuple[str, str]:
        return self.source_uri, self.model_fingerprint

    def to_dict(self) -> dict[str, Any]:
        """Columns as plain values, ready for `pa.Table.from_pylist(..., schema=SCHEMA)`."""
        return _columns(self)

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`, also for rows read from the table."""
        parts = {
            "tags": TagsRow(**(row.get("tags") or {})),
            "seconds": SecondsRow(**(row.get("seconds") or {})),
            "attempts": tuple(AttemptRow(**attempt) for attempt in row.get("attempts") or ()),
            "stems": tuple(StemRow.from_dict(stem) for stem in row.get("stems") or ()),
        }
        return cls(**{**row, **parts})


def _columns(row: Any) -> dict[str, Any]:
    return {field.name: _plain(getattr(row, field.name)) for field in fields(row)}


def _plain(value: Any) -> Any:
    if isinstance(value, StemRow):
        return value.to_dict()
    if is_dataclass(value):
        return _columns(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


_STEM = pa.struct(
    [
        ("target", pa.string()),
        ("uri", pa.string()),
        ("sha256", pa.string()),
        ("bytes", pa.int64()),
        ("frames", pa.int64()),
        ("sample_rate", pa.int32()),
        ("channels", pa.int32()),
        ("codec", pa.string()),
        ("integrated_lufs", pa.float64()),
        ("true_peak_db", pa.float64()),
        ("rms_db", pa.float64()),
        ("silence_ratio", pa.float64()),
        ("clipped_samples", pa.int64()),
        ("bandwidth_hz", pa.float64()),
        (
            "active_intervals",
            pa.list_(pa.struct([("start_seconds", pa.float64()), ("end_seconds", pa.float64())])),
        ),
    ]
)
_ATTEMPT = pa.struct(
    [
        ("attempt", pa.int32()),
        ("stage", pa.string()),
        ("error", pa.string()),
        ("worker", pa.string()),
    ]
)
_STAGES = ("download", "decode", "separate", "encode", "upload")

SCHEMA = pa.schema(
    [
        pa.field("source_uri", pa.string(), nullable=False),
        pa.field("source_etag", pa.string(), nullable=False),
        pa.field("source_bytes", pa.int64(), nullable=False),
        ("content_sha256", pa.string()),
        ("work_id", pa.string()),
        ("tags", pa.struct([(tag, pa.string()) for tag in ("title", "artist", "album", "isrc")])),
        ("container", pa.string()),
        ("codec", pa.string()),
        ("sample_rate", pa.int32()),
        ("channels", pa.int32()),
        ("frames", pa.int64()),
        ("duration_seconds", pa.float64()),
        pa.field("status", pa.string(), nullable=False),
        ("reason", pa.string()),
        ("error_type", pa.string()),
        ("error_message", pa.string()),
        ("stage", pa.string()),
        ("attempts", pa.list_(_ATTEMPT)),
        ("stems", pa.list_(_STEM)),
        ("reconstruction_db", pa.float64()),
        ("common_gain_db", pa.float64()),
        ("seconds", pa.struct([(stage, pa.float64()) for stage in _STAGES])),
        ("device", pa.string()),
        ("node", pa.string()),
        ("realtime_factor", pa.float64()),
        ("peak_memory_bytes", pa.int64()),
        ("model_name", pa.string()),
        pa.field("model_fingerprint", pa.string(), nullable=False),
        ("weights_sha256", pa.string()),
        ("weights_licence", pa.string()),
        ("code_version", pa.string()),
        ("run_id", pa.string()),
        ("flow_run_id", pa.string()),
        ("committed_at", pa.timestamp("us", tz="UTC")),
        ("schema_version", pa.int32()),
    ]
)
