"""Levels, excerpts and folders of stems, before anything is drawn."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from lasaft_core.errors import InvalidOption
from lasaft_core.plots.decibels import FLOOR_DB, band_levels, frequency_edges
from lasaft_core.plots.excerpts import Span, read_excerpt, separate_excerpt
from lasaft_core.plots.stem_folder import stem_paths


def sine(hz, rate, seconds=0.5):
    return np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate).astype(np.float32)


@pytest.mark.parametrize("scale", ["log", "linear"])
@pytest.mark.parametrize("rate", [8000, 44100, 96000])
def test_a_sine_of_full_scale_reads_0_db_in_its_band(scale, rate):
    edges = frequency_edges(rate / 2, 200, scale)
    levels = band_levels(sine(1000, rate)[:, None].repeat(2, axis=1), rate, edges)
    middle = levels[:, levels.shape[1] // 2]
    loudest = int(middle.argmax())
    bin_hz = rate / 2 ** round(np.log2(0.093 * rate))
    assert edges[loudest] - bin_hz <= 1000 <= edges[loudest + 1] + bin_hz
    assert middle[loudest] == pytest.approx(0, abs=1.5)
    assert middle[-1] < -60


def test_silence_is_the_floor_and_so_is_what_a_low_rate_cannot_hold():
    edges = frequency_edges(22050, 100, "linear")
    assert (band_levels(np.zeros((3000, 1), np.float32), 44100, edges) == FLOOR_DB).all()
    levels = band_levels(sine(1000, 8000)[:, None], 8000, edges)
    assert (levels[edges[:-1] > 4000] == FLOOR_DB).all()


@pytest.mark.parametrize("samples", [1, 50, 44100, 44100 * 20])
def test_columns_follow_time_and_stay_few(samples):
    audio = np.zeros((samples, 1), np.float32)
    audio[samples // 2 :] = 0.5
    levels = band_levels(audio, 44100, frequency_edges(22050, 20, "linear"))
    assert 1 <= levels.shape[1] <= 1500
    assert levels[0, -1] > FLOOR_DB
    if samples > 44100:
        assert levels[0, levels.shape[1] // 4] == FLOOR_DB


@pytest.fixture
def ramp(tmp_path):
    """A mono WAV of two seconds at 8 kHz whose samples tell their place."""
    path = tmp_path / "ramp.wav"
    soundfile.write(path, np.arange(16000, dtype=np.float32) / 16000, 8000, subtype="FLOAT")
    return path


def test_an_excerpt_holds_its_part_and_the_context_that_there_is(ramp):
    excerpt = read_excerpt(ramp, Span(start=0.5, length=0.25, context=1.0))
    assert excerpt.audio.shape == (4000 + 2000 + 8000, 1)
    np.testing.assert_allclose(excerpt.part[:, 0] * 16000, np.arange(4000, 6000), atol=1e-3)
    assert len(read_excerpt(ramp, Span(start=1.75, length=9.0)).part) == 2000
    assert len(read_excerpt(ramp, Span(start=0.0, length=1e-9)).part) == 1


def test_spans_outside_the_song_are_refused(ramp):
    with pytest.raises(InvalidOption, match=r"within ramp\.wav"):
        read_excerpt(ramp, Span(start=2.0))
    for wrong in ({"start": -1.0}, {"start": float("inf")}, {"length": 0.0}):
        with pytest.raises(InvalidOption, match=r"0 or more|more than 0"):
            Span(**wrong)


def test_many_channels_are_mixed_to_stereo(tmp_path):
    soundfile.write(tmp_path / "four.wav", np.zeros((400, 4)), 8000)
    assert read_excerpt(tmp_path / "four.wav", Span()).part.shape == (400, 2)


def test_the_part_alone_comes_back_separated_at_the_song_s_rate(ramp):
    class Halves:
        targets, sample_rate, heard = ("vocals",), 44100, 0

        def stream(self, _targets, *, overlap):
            return SimpleNamespace(push=self.push, finish=lambda: self.push(np.zeros((0, 2))))

        def push(self, block):
            Halves.heard += len(block)
            return {"vocals": (block / 2).astype(np.float32)}

    excerpt = read_excerpt(ramp, Span(start=0.5, length=0.25, context=0.1))
    stems = separate_excerpt(Halves(), excerpt)
    assert Halves.heard == pytest.approx(0.45 * 44100, abs=1)
    assert stems["vocals"].shape == excerpt.part.shape
    np.testing.assert_allclose(stems["vocals"], excerpt.part / 2, atol=2e-3)


def test_stems_are_those_of_track_json_in_the_papers_order(tmp_path):
    for name in ("other.flac", "residual.flac", "vocals.flac", "old.flac"):
        (tmp_path / name).touch()
    listed = {f"{t}.flac": {"target": t} for t in ("residual", "other", "vocals")}
    record = {"content_sha256": "a", "source_uri": "file:///song.wav", "stems": listed}
    (tmp_path / "track.json").write_text(json.dumps(record))
    assert list(stem_paths(tmp_path, "a")) == ["vocals", "other", "residual"]
    with pytest.raises(InvalidOption, match=r"song\.wav"):
        stem_paths(tmp_path, "b")
    (tmp_path / "vocals.flac").unlink()
    with pytest.raises(InvalidOption, match=r"vocals\.flac"):
        stem_paths(tmp_path)


def test_without_track_json_all_audio_but_the_mixture_counts(tmp_path):
    for name in ("mixture.wav", "drums.wav", "bass.WAV", "notes.txt"):
        (tmp_path / name).touch()
    assert list(stem_paths(tmp_path)) == ["drums", "bass"]
    for empty in (tmp_path / "absent", tmp_path / "notes.txt"):
        with pytest.raises(InvalidOption, match="a folder with stems"):
            stem_paths(empty)
    (tmp_path / "track.json").write_text("{")
    with pytest.raises(InvalidOption, match="readable"):
        stem_paths(tmp_path)
