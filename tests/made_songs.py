"""Stems in a store as a worker would have put them, without any separation."""

import hashlib
from pathlib import Path

from lasaft_core.catalog.publication import StemStore
from lasaft_core.catalog.rows import StemRow, TrackRow

MODEL = "f" * 64


def work_of(number: int) -> str:
    """The work_id of the song of that number; each has a shard of its own."""
    return f"{number:02x}" + "0" * 62


def put_stems(
    scratch: Path, dest: str, number: int, *, attempt: str = "try", model: str = MODEL
) -> TrackRow:
    """Puts a whole attempt with two stems; its row is not in the table yet."""
    store, work_id = StemStore(dest, model), work_of(number)
    files, stems = {}, []
    for target in ("vocals", "drums"):
        path = scratch / f"{target}.flac"
        path.write_bytes(f"{target} of {number} {attempt}".encode())
        files[path.name] = path
        stem = StemRow(
            target=target,
            uri=f"{store.attempt_prefix(work_id, attempt)}/{path.name}",
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            bytes=path.stat().st_size,
            frames=44100,
            sample_rate=44100,
            channels=2,
            codec="flac",
        )
        stems.append(stem)
    row = TrackRow(
        source_uri=f"s3://in/{number}.wav",
        source_etag="e1",
        source_bytes=1000,
        content_sha256="c" * 64,
        work_id=work_id,
        status="done",
        model_fingerprint=model,
        stems=tuple(stems),
    )
    store.publish(files, row.to_dict(), work_id, attempt)
    return row
