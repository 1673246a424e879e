"""Instrumentals taken apart by a network become songs that mix with others, and do nothing else."""

import json
import shutil
import sys
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from lasaft_core.errors import InvalidOption
from lasaft_core.musdb import TARGETS, find_accompaniments, find_songs
from lasaft_core.training.building import estimating
from lasaft_core.training.excerpts import Excerpts
from lasaft_core.training.recipes import Mixing, Recipe


class Halves:
    """Gives each target a share of the mixture, in place of a network."""

    model_name, weights_sha256, sample_rate = "halves", "0" * 64, 44100

    def __init__(self, **shares):
        self.shares = shares

    def separate(self, mix):
        return {target: np.float32(self.shares[target]) * mix for target in TARGETS}


@pytest.fixture
def pieces(tmp_path):
    """Two instrumentals of a second and of two minutes."""
    (tmp_path / "accompaniments").mkdir()
    for name, seconds in (("long", 120), ("short", 1)):
        ramp = np.linspace(-0.5, 0.5, 44100 * seconds)[:, None].repeat(2, axis=1)
        soundfile.write(tmp_path / "accompaniments" / f"{name}.wav", ramp, 44100, subtype="FLOAT")
    return tmp_path


def test_stems_add_up_to_the_middle_of_the_piece_and_nobody_sings(pieces):
    long, short = find_accompaniments(pieces)
    network = Halves(vocals=0.1, drums=0.3, bass=0.2, other=0.4)
    stems = estimating.estimated_stems(long, network)
    assert {audio.shape for audio in stems.values()} == {(90 * 44100, 2)}
    np.testing.assert_allclose(
        sum(stems.values()), long.read(15 * 44100, 90 * 44100), rtol=0, atol=1e-6
    )
    assert not stems["vocals"].any()
    np.testing.assert_allclose(
        estimating.estimated_stems(short, network)["other"], 0.5 * short.read(), atol=1e-6
    )


@pytest.mark.parametrize("missing", ["drums", "bass"])
def test_a_piece_without_drums_or_bass_is_left_out(pieces, missing):
    _, short = find_accompaniments(pieces)
    shares = {"vocals": 0.1, "drums": 0.3, "bass": 0.3, "other": 0.4, missing: 0.1}
    assert estimating.estimated_stems(short, Halves(**shares)) is None


def test_other_sample_rates_are_refused(pieces):
    _, short = find_accompaniments(pieces)
    with pytest.raises(InvalidOption, match=r"short\.wav.*48000 Hz"):
        estimating.estimated_stems(replace(short, sample_rate=48000), Halves())
    slow = Halves()
    slow.sample_rate = 22050
    with pytest.raises(InvalidOption, match=r"network.*22050 Hz"):
        estimating.estimated_stems(short, slow)


def test_estimated_songs_are_drawn_from_anywhere_but_never_as_a_whole(data, tiny, tmp_path, pieces):
    shutil.copytree(data, tmp_path, dirs_exist_ok=True)
    _, short = find_accompaniments(pieces)
    network = Halves(vocals=0.0, drums=0.3, bass=0.3, other=0.4)
    stems = estimating.estimated_stems(short, network)
    estimating.write_estimated(tmp_path / "train" / "a-band", stems, network)
    facts = json.loads((tmp_path / "train" / "a-band" / "estimated.json").read_text())
    assert facts == {"by": "halves", "sha256": "0" * 64}
    songs = find_songs(tmp_path, "train")
    assert [song.is_estimated for song in songs] == [True, False, False]
    mixing = Mixing(draws_sounding=True, coherent_share=0.5)
    excerpts = Excerpts(songs, tiny, Recipe(mixing=mixing), seed=1)
    np.testing.assert_array_equal(excerpts.chances, [0, 0.5, 0.5])
    np.testing.assert_array_equal(excerpts.chances_of["vocals"], [0, 0.5, 0.5])
    np.testing.assert_allclose(excerpts.chances_of["bass"], [1 / 3] * 3)


def test_the_command_goes_on_where_it_stopped(pieces, monkeypatch, caplog):
    network = Halves(vocals=0.0, drums=0.3, bass=0.3, other=0.4)
    monkeypatch.setattr(estimating.Separator, "load", lambda *_, **__: network)
    monkeypatch.setattr(sys, "argv", ["estimating", str(pieces)])
    (pieces / "train" / "estimated-long").mkdir(parents=True)
    with caplog.at_level("INFO"):
        estimating.main()
    assert caplog.messages == ["short: written"]
    assert not list((pieces / "train" / "estimated-long").iterdir())
    (folder,) = (pieces / "train").glob("estimated-s*")
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        ["estimated.json", *(f"{target}.wav" for target in TARGETS)]
    )
