"""Rows to fill a table with."""

from typing import Any

from lasaft_core.catalog.rows import AttemptRow, SecondsRow, StemRow, TagsRow, TrackRow

MODEL = "f" * 64


def stem_row(target: str = "vocals", **changes: Any) -> StemRow:
    columns: dict[str, Any] = {
        "target": target,
        "uri": f"s3://out/stems/{target}.flac",
        "sha256": "5" * 64,
        "bytes": 1200,
        "frames": 44100,
        "sample_rate": 44100,
        "channels": 2,
        "codec": "flac",
        "rms_db": -20.5,
        "active_intervals": ((0.0, 0.5), (0.75, 1.0)),
    }
    return StemRow(**{**columns, **changes})


def done_row(uri: str, **changes: Any) -> TrackRow:
    columns: dict[str, Any] = {
        "source_uri": uri,
        "source_etag": "e1",
        "source_bytes": 1000,
        "content_sha256": "c" * 64,
        "work_id": "w" * 64,
        "status": "done",
        "model_fingerprint": MODEL,
        "duration_seconds": 2.0,
        "stems": (stem_row("vocals"), stem_row("drums")),
        "tags": TagsRow(title="Sóng"),
        "seconds": SecondsRow(download=0.5, separate=3.5),
    }
    return TrackRow(**{**columns, **changes})


def failed_row(uri: str, **changes: Any) -> TrackRow:
    columns: dict[str, Any] = {
        "source_uri": uri,
        "source_etag": "e1",
        "source_bytes": 1000,
        "status": "failed",
        "reason": "not_audio",
        "stage": "decode",
        "model_fingerprint": MODEL,
        "attempts": (AttemptRow(attempt=1, stage="decode", error="no audio", worker="w1"),),
    }
    return TrackRow(**{**columns, **changes})
