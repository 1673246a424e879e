"""Estimates come from the past where there is one."""

import pyarrow as pa
import pytest

from lasaft_core.catalog.estimate import (
    DEFAULT_OUTPUT_BYTES_PER_SECOND,
    DEFAULT_SECONDS_PER_AUDIO_SECOND,
    estimate,
)
from lasaft_core.catalog.plan import Plan, PlannedTrack
from lasaft_core.catalog.queries import SAMPLE_SCHEMA
from lasaft_core.storage import ObjectStat


def planned(*sizes: tuple[str, int]) -> Plan:
    objects = (ObjectStat(f"s3://b/{name}", size, "e", None) for name, size in sizes)
    return Plan(tuple(PlannedTrack(found, "new") for found in objects), 0)


def past(*rows: tuple[str, int, float, int, float | None]) -> pa.Table:
    return pa.Table.from_pylist(
        [dict(zip(SAMPLE_SCHEMA.names, row, strict=True)) for row in rows], schema=SAMPLE_SCHEMA
    )


def test_without_a_past_the_stated_defaults_hold() -> None:
    found = estimate(planned(("a.wav", 352_800), ("b.MP3", 24_000)), past())

    assert found.audio_seconds == pytest.approx(3.0)
    assert found.output_bytes == 3 * DEFAULT_OUTPUT_BYTES_PER_SECOND
    assert found.seconds == pytest.approx(3 * DEFAULT_SECONDS_PER_AUDIO_SECOND)
    assert found.is_default


def test_past_rows_tell_rates_by_suffix() -> None:
    rows = past(("s3://b/x.wav", 1000, 10.0, 500, 20.0), ("s3://b/y.wav", 3000, 10.0, 700, None))

    found = estimate(planned(("a.wav", 400), ("b.mp3", 24_000)), rows)

    assert found.audio_seconds == pytest.approx(400 / 200 + 1)
    assert found.output_bytes == round(3 * 1200 / 20)
    assert found.seconds == pytest.approx(3 * 2.0)
    assert not found.is_default


def test_an_empty_plan_costs_nothing() -> None:
    found = estimate(planned(), past(("s3://b/x.wav", 1000, 10.0, 500, 20.0)))

    assert (found.audio_seconds, found.output_bytes, found.seconds) == (0, 0, 0)
