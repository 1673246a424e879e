"""From a song's drafts to finished stem files: gain, encode, measure, hash, rename."""

import hashlib
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import soundfile

from lasaft_core.audio.drafts import Draft, SongDrafts
from lasaft_core.audio.writer import StemLayout, StemWriter
from lasaft_core.errors import ScratchFull
from lasaft_core.quality import QualityMeter, StemQuality


@dataclass(frozen=True, slots=True)
class StemFile:
    """One finished stem; decibel values are None for digital silence."""

    target: str
    path: Path
    sha256: str
    bytes: int
    frames: int
    sample_rate: int
    channels: int
    codec: str
    integrated_lufs: float | None
    true_peak_db: float | None
    rms_db: float | None
    silence_ratio: float
    clipped_samples: int
    bandwidth_hz: float | None
    active_intervals: tuple[tuple[float, float], ...]  # start and end in seconds


def encode_stems(
    drafts: SongDrafts, out_dir: Path, layout: StemLayout, gain: float
) -> tuple[StemFile, ...]:
    """`out_dir/<name>.<codec>` for every draft: renamed when all are whole, or none of them."""
    out_dir.mkdir(parents=True, exist_ok=True)
    layout = replace(layout, frames=drafts.frames)
    paths = {name: out_dir / f"{name}.{layout.output.codec}" for name in drafts.by_name}
    parts = {name: path.with_name(f"{path.name}.part") for name, path in paths.items()}
    try:
        qualities = {
            name: _encode(draft, parts[name], layout, gain)
            for name, draft in drafts.by_name.items()
        }
        stems = tuple(
            _describe(name, parts[name], paths[name], layout, quality)
            for name, quality in qualities.items()
        )
        for name, path in paths.items():
            parts[name].replace(path)
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)
    return stems


def _encode(draft: Draft, part: Path, layout: StemLayout, gain: float) -> StemQuality:
    is_float = layout.output.is_float
    meter = QualityMeter(layout.sample_rate, layout.channels, is_float=is_float)
    with StemWriter(part, layout) as writer:
        for block in draft.blocks():
            scaled = block * np.float32(gain)
            meter.push(scaled)
            writer.write(scaled)
    return meter.result()


def _describe(
    name: str, part: Path, path: Path, layout: StemLayout, quality: StemQuality
) -> StemFile:
    written = soundfile.info(str(part)).frames
    if written != layout.frames:  # what a full disk does to the last buffer is reported nowhere
        raise ScratchFull(f"stem {name!r} is cut", expected=f"{layout.frames} frames", got=written)
    with part.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return StemFile(
        target=name,
        path=path,
        sha256=digest,
        bytes=part.stat().st_size,
        frames=layout.frames,
        sample_rate=layout.sample_rate,
        channels=layout.channels,
        codec=layout.output.codec,
        **asdict(quality),
    )
