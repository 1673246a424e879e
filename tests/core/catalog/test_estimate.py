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
    rows = past(("s3://b/x.wav", 5000, 50.0, 500, 100.0), ("s3://b/y.wav", 3000, 30.0, 700, None))

    found = estimate(planned(("a.wav", 200), ("b.mp3", 24_000)), rows)

    assert found.audio_seconds == pytest.approx(200 / 100 + 1)
    assert found.output_bytes == round(3 * 1200 / 80)
    assert found.seconds == pytest.approx(3 * 2.0)
    assert not found.is_default


def test_tiny_songs_say_nothing_where_there_are_longer_ones() -> None:
    tiny = [(f"s3://b/{number}.wav", 44, 0.001, 9000, 2.0) for number in range(9)]
    long = ("s3://b/long.wav", 6000, 60.0, 600, 6.0)

    found = estimate(planned(("a.wav", 1000)), past(*tiny, long))

    assert found.audio_seconds == pytest.approx(10.0)
    assert (found.output_bytes, found.seconds) == (100, pytest.approx(1.0))


def test_little_past_audio_leaves_the_defaults() -> None:
    tiny = past(*((f"s3://b/{number}.wav", 44, 0.001, 9000, 2.0) for number in range(9)))
    short = past(("s3://b/x.wav", 9, 59.0, 9, 900.0))

    for rows in (tiny, short):
        assert estimate(planned(("a.wav", 1000)), rows) == estimate(
            planned(("a.wav", 1000)), past()
        )


def test_a_catalog_of_short_songs_is_a_past_too() -> None:
    short = past(*((f"s3://b/{number}.wav", 500, 5.0, 50, 10.0) for number in range(12)))

    found = estimate(planned(("a.wav", 1000)), short)

    assert (found.audio_seconds, found.seconds) == (pytest.approx(10.0), pytest.approx(20.0))


def test_an_empty_plan_costs_nothing() -> None:
    found = estimate(planned(), past(("s3://b/x.wav", 1000, 10.0, 500, 20.0)))

    assert (found.audio_seconds, found.output_bytes, found.seconds) == (0, 0, 0)
