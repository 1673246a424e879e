"""Which names are songs."""

import os
from pathlib import Path

import pytest

from lasaft_core import storage
from lasaft_core.catalog.listing import list_audio
from lasaft_core.errors import StoreError


def fill(place: str, *names: str) -> None:
    for name in names:
        storage.put_bytes(b"x", storage.join(place, name))


def names(place: str, *sources: str, **options: object) -> list[str]:
    chosen = [storage.join(place, source) for source in sources] or [place]
    return [found.uri[len(place) + 1 :] for found in list_audio(chosen, **options)]


def test_only_audio_by_suffix_in_any_case(place: str) -> None:
    fill(place, "a.WAV", "deep/er/b.flac", "c.jpg", "d", ".hidden.wav", "._e.mp3", "wav", "f.é.M4A")

    assert sorted(names(place)) == ["a.WAV", "deep/er/b.flac", "f.é.M4A"]


def test_one_dot_in_front_hides_a_song_and_more_do_not(place: str, caplog) -> None:
    fill(place, "..And Justice.flac", "...wav", "x/._a.wav", "x/.b.wav", ".DS_Store", ".c.wav")

    assert sorted(names(place)) == ["...wav", "..And Justice.flac"]
    assert "left_out=3 reason=name_begins_with_a_dot" in caplog.text


def test_nothing_is_said_of_hidden_songs_where_they_are_taken_or_unwanted(
    place: str, caplog
) -> None:
    fill(place, ".a.wav", "b.wav")

    assert names(place, include=[".*.wav"]) == [".a.wav"]
    assert names(place, exclude=[".*"]) == ["b.wav"]
    assert not caplog.records


def test_globs_look_at_the_key_below_the_source(place: str) -> None:
    fill(place, "in/live/a.wav", "in/studio/b.wav", "in/studio/demo/c.wav", "in/notes.bin")

    assert names(place, "in", include=["studio/*"], exclude=["*/demo/*"]) == ["in/studio/b.wav"]
    assert names(place, "in", include=["*.bin"]) == ["in/notes.bin"]
    assert sorted(names(place, "in", exclude=["live/*"])) == [
        "in/studio/b.wav",
        "in/studio/demo/c.wav",
    ]


def test_a_source_may_be_one_object(place: str) -> None:
    fill(place, "a.wav", "a.wav.wav", "b.wav")

    assert names(place, "a.wav") == ["a.wav"]


def test_overlapping_sources_give_each_object_once(place: str) -> None:
    fill(place, "x/a.wav", "x/y/b.wav")

    assert names(place, "x/y", "x") == ["x/y/b.wav", "x/a.wav"]
    assert sorted(names(place, "x", "x/y", "x")) == ["x/a.wav", "x/y/b.wav"]


def test_the_destination_is_never_a_source(place: str) -> None:
    fill(
        place, "a.wav", "out/stems/m/vocals.flac", "out/b.wav", "stems/m/vocals.flac", "outer/c.wav"
    )

    inside = names(place, skip_prefix=storage.join(place, "out"))
    beside = names(place, skip_prefix=place)
    around = names(place, "out", skip_prefix=storage.join(place, "out"))

    assert sorted(inside) == ["a.wav", "outer/c.wav", "stems/m/vocals.flac"]
    assert sorted(beside) == ["a.wav", "out/b.wav", "out/stems/m/vocals.flac", "outer/c.wav"]
    assert around == ["out/b.wav"]


def test_limit(place: str) -> None:
    fill(place, "a.wav", "b.jpg", "c.wav", "d.wav")

    assert names(place, limit=2) == ["a.wav", "c.wav"]
    assert names(place, limit=0) == []


def test_a_name_that_is_not_unicode_is_left_out_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.wav")).write_bytes(b"x")
    (tmp_path / "café.wav").write_bytes(b"x")

    assert names(f"file://{tmp_path}") == ["café.wav"]
    assert "name_is_not_unicode" in caplog.text


def test_a_missing_source_stops_the_listing(place: str) -> None:
    missing = "s3://no-such-bucket" if place.startswith("s3") else f"{place}/absent"

    with pytest.raises(StoreError, match="can't list"):
        list(list_audio([missing]))
