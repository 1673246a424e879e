"""How long and how large a plan will be, before any object is opened.

Bytes per second of audio come from past rows of the same suffix, else from a stated default:
an estimate either way, and said to be one. Rows of a few seconds tell little, since what a song
costs by itself, whatever its length, outweighs its audio there.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from lasaft_core.catalog.plan import Plan

DEFAULT_BYTES_PER_SECOND: Mapping[str, float] = {
    ".wav": 176_400,
    ".aif": 176_400,
    ".aiff": 176_400,
    ".flac": 100_000,
    ".mp3": 24_000,
    ".m4a": 24_000,
    ".ogg": 20_000,
    ".opus": 16_000,
}
DEFAULT_OTHER_BYTES_PER_SECOND = 32_000.0
DEFAULT_OUTPUT_BYTES_PER_SECOND = 600_000.0
"""Four stems as 24-bit FLAC at 44.1 kHz."""
DEFAULT_SECONDS_PER_AUDIO_SECOND = 0.25
"""One worker of two processor cores with the default network."""
TELLING_SONG_SECONDS = 10.0
"""Shorter past rows are looked at only where there are no longer ones."""
TELLING_PAST_SECONDS = 60.0
"""With less past audio than this the defaults hold."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """`seconds` of one worker's time; `is_default` where no past row helped."""

    audio_seconds: float
    output_bytes: int
    seconds: float
    is_default: bool


def estimate(plan: Plan, rows: pa.Table) -> Estimate:
    """`rows`: some done rows, as `CatalogTable.sample` gives them."""
    past = _telling(rows.to_pylist())
    rates = {**DEFAULT_BYTES_PER_SECOND, **_source_rates(past)}
    sizes = ((track.object.uri, track.object.size) for track in plan.tracks)
    audio_seconds = sum(
        size / rates.get(_suffix(uri), DEFAULT_OTHER_BYTES_PER_SECOND) for uri, size in sizes
    )
    output = _ratio((row["stem_bytes"], row["duration_seconds"]) for row in past)
    factor = _ratio((row["work_seconds"], row["duration_seconds"]) for row in past)
    return Estimate(
        audio_seconds=audio_seconds,
        output_bytes=round(audio_seconds * (output or DEFAULT_OUTPUT_BYTES_PER_SECOND)),
        seconds=audio_seconds * (factor or DEFAULT_SECONDS_PER_AUDIO_SECOND),
        is_default=not past,
    )


def _telling(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    known = [row for row in rows if row["duration_seconds"]]
    longer = [row for row in known if row["duration_seconds"] >= TELLING_SONG_SECONDS]
    past = longer or known
    enough = sum(row["duration_seconds"] for row in past) >= TELLING_PAST_SECONDS
    return past if enough else []


def _source_rates(past: list[dict[str, Any]]) -> dict[str, float]:
    by_suffix: dict[str, list[tuple[float, float]]] = {}
    for row in past:
        pair = (row["source_bytes"], row["duration_seconds"])
        by_suffix.setdefault(_suffix(row["source_uri"]), []).append(pair)
    rates = {suffix: _ratio(pairs) for suffix, pairs in by_suffix.items()}
    return {suffix: rate for suffix, rate in rates.items() if rate}


def _ratio(pairs: Iterable[tuple[float | None, float | None]]) -> float | None:
    above = below = 0.0
    for value, unit in pairs:
        if value and unit:
            above, below = above + value, below + unit
    return above / below if below else None


def _suffix(uri: str) -> str:
    return "." + uri.rpartition("/")[2].rpartition(".")[2].lower()
