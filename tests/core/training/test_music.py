"""Generated songs: the same from the same seed, audible, whole on disk."""

import numpy as np
import pytest

from lasaft_core.musdb import TARGETS, find_songs
from lasaft_core.training.music import mixture, render_song, write_song


def test_a_song_is_the_same_from_the_same_seed_and_its_stems_all_sound():
    first, second, other = (render_song(seed, 4.0, 16000) for seed in (5, 5, 6))
    assert tuple(first) == TARGETS
    for target in TARGETS:
        np.testing.assert_array_equal(first[target], second[target])
        assert first[target].shape == (64000, 2)
        assert first[target].dtype == np.float32
        assert np.sqrt(np.mean(first[target] ** 2)) > 1e-3
    assert np.abs(mixture(first)).max() == pytest.approx(0.9, abs=1e-3)
    assert not np.array_equal(first["drums"], other["drums"])


def test_a_written_song_is_found_and_left_alone_the_second_time(tmp_path):
    folder = tmp_path / "test" / "song"
    write_song(folder, 5, 1.0)
    (folder / "vocals.wav").touch()
    before = (folder / "vocals.wav").stat().st_mtime_ns
    write_song(folder, 5, 1.0)
    (song,) = find_songs(tmp_path, "test")
    assert (folder / "vocals.wav").stat().st_mtime_ns == before
    assert (song.name, song.num_samples, song.sample_rate) == ("song", 44100, 44100)
    np.testing.assert_allclose(song.read("mixture"), sum(song.stems().values()), atol=3 / 2**15)
