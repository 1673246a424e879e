"""The layout of MUSDB18-HQ: splits, mixtures, and refusals that name the song."""

import numpy as np
import pytest
import soundfile

from lasaft_core.errors import InvalidOption
from lasaft_core.musdb import TARGETS, VALIDATION_SONGS, find_songs


def write_song(folder, *, samples=1000, rate=44100, mixture=False):
    folder.mkdir(parents=True)
    rng = np.random.default_rng(len(folder.name))
    for source in (*TARGETS, "mixture")[: 5 if mixture else 4]:
        soundfile.write(folder / f"{source}.wav", rng.uniform(-0.2, 0.2, (samples, 2)), rate)
    return folder


def names(songs):
    return [song.name for song in songs]


def test_splits_are_the_folders(tmp_path):
    for place in ("train/b", "train/a", "valid/c", "test/d", "train/.part"):
        write_song(tmp_path / place)
    assert names(find_songs(tmp_path, "train")) == ["a", "b"]
    assert names(find_songs(tmp_path, "valid")) == ["c"]
    assert names(find_songs(tmp_path, "test")) == ["d"]


def test_without_a_valid_folder_the_papers_fourteen_songs_are_set_apart(tmp_path):
    assert len(set(VALIDATION_SONGS)) == 14
    for name in ("A Song", VALIDATION_SONGS[3], "Z Song"):
        write_song(tmp_path / "train" / name)
    assert names(find_songs(tmp_path, "train")) == ["A Song", "Z Song"]
    assert names(find_songs(tmp_path, "valid")) == [VALIDATION_SONGS[3]]
    write_song(tmp_path / "test" / VALIDATION_SONGS[0])
    assert names(find_songs(tmp_path, "test")) == [VALIDATION_SONGS[0]], "test is left as it is"


def test_parts_are_read_in_place_and_a_missing_mixture_is_the_sum(tmp_path):
    write_song(tmp_path / "test" / "with", mixture=True)
    write_song(tmp_path / "test" / "without")
    first, second = find_songs(tmp_path, "test")
    assert (first.num_samples, first.sample_rate) == (1000, 44100)
    whole = first.read("bass")
    assert whole.shape == (1000, 2)
    assert whole.dtype == np.float32
    np.testing.assert_array_equal(first.read("bass", 100, 50), whole[100:150])
    own, _ = soundfile.read(first.folder / "mixture.wav", dtype="float32")
    np.testing.assert_array_equal(first.read("mixture"), own)
    total = sum(second.stems().values())
    np.testing.assert_allclose(second.read("mixture", 100, 50), total[100:150], atol=1e-6)


@pytest.mark.parametrize("split", ["train", "test"])
def test_nothing_there_says_what_is_wanted(tmp_path, split):
    with pytest.raises(InvalidOption, match=f"no folder {split}"):
        find_songs(tmp_path, split)
    (tmp_path / split).mkdir()
    with pytest.raises(InvalidOption, match="no such songs"):
        find_songs(tmp_path, split)
    with pytest.raises(InvalidOption, match=r"train \| valid \| test"):
        find_songs(tmp_path, "trial")


def test_broken_songs_are_named(tmp_path):
    folder = write_song(tmp_path / "test" / "song")
    soundfile.write(folder / "bass.wav", np.zeros((900, 2)), 44100)
    with pytest.raises(InvalidOption, match=r"test/song.*one length"):
        find_songs(tmp_path, "test")
    soundfile.write(folder / "bass.wav", np.zeros((1000, 1)), 44100)
    with pytest.raises(InvalidOption, match="stereo"):
        find_songs(tmp_path, "test")
    (folder / "bass.wav").unlink()
    with pytest.raises(InvalidOption, match=r"bass\.wav"):
        find_songs(tmp_path, "test")


@pytest.mark.parametrize("content", ["[1]", "null", '{"a":', '"ab"'])
def test_facts_are_an_object(tmp_path, content):
    (write_song(tmp_path / "train" / "a") / "song.json").write_text(content)
    with pytest.raises(InvalidOption, match=r"song\.json.*JSON object"):
        find_songs(tmp_path, "train")


def test_songs_whose_stems_are_estimated_are_asked_for(tmp_path):
    (write_song(tmp_path / "train" / "a") / "song.json").write_text('{"estimated_by": {}}')
    with pytest.raises(InvalidOption, match="1 songs whose stems a network estimated"):
        find_songs(tmp_path, "train")
    (write_song(tmp_path / "train" / "b") / "song.json").write_text("{}")
    assert names(find_songs(tmp_path, "train")) == ["b"]
    assert names(find_songs(tmp_path, "train", estimated=True)) == ["a", "b"]
