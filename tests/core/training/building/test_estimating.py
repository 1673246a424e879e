"""Instrumentals taken apart by a network become songs that mix with others, and do nothing else."""

import json
import shutil
import sys

import numpy as np
import pytest
import soundfile

from lasaft_core.errors import InvalidOption
from lasaft_core.musdb import TARGETS, find_accompaniments, find_songs
from lasaft_core.training.building import estimating, folders
from lasaft_core.training.excerpts import Excerpts
from lasaft_core.training.recipes import Mixing, Recipe

RATE = 44100


class Shares:
    """Gives each target a share of the mixture, in place of a network."""

    model_name, weights_sha256, weights_licence = "shares", "0" * 64, "MIT"
    sample_rate, targets = RATE, TARGETS

    def __init__(self, **shares):
        self.shares = {"vocals": 0.0, "drums": 0.3, "bass": 0.3, "other": 0.4, **shares}

    def separate(self, mix):
        return {target: np.float32(self.shares[target]) * mix for target in TARGETS}


@pytest.fixture
def pieces(tmp_path):
    """Instrumentals of two minutes and of one second."""
    (tmp_path / "accompaniments").mkdir()
    for name, seconds in (("long", 120), ("short.v1", 1)):
        ramp = np.linspace(-0.5, 0.5, RATE * seconds)[:, None].repeat(2, axis=1)
        soundfile.write(tmp_path / "accompaniments" / f"{name}.wav", ramp, RATE, subtype="FLOAT")
    credit(tmp_path, "long", "short.v1")
    return tmp_path


def credit(data, *names):
    """The part of a manifest that says whose accompaniments they are."""
    accompaniments = {f"{name}.wav": "waltzes" for name in names}
    (data / "manifest.json").write_text(json.dumps({"accompaniments": accompaniments}))


def test_stems_add_up_to_the_middle_of_the_piece_and_nobody_sings(pieces):
    long, short = find_accompaniments(pieces)
    network = Shares(vocals=0.1)
    stems = estimating.estimated_stems(long, network)
    assert {audio.shape for audio in stems.values()} == {(90 * RATE, 2)}
    np.testing.assert_allclose(
        sum(stems.values()), long.read(15 * RATE, 90 * RATE), rtol=0, atol=1e-6
    )
    assert not stems["vocals"].any()
    np.testing.assert_allclose(
        estimating.estimated_stems(short, network)["other"], 0.4 * short.read(), atol=1e-6
    )


def test_what_is_faint_against_the_piece_is_bleed_and_goes_to_other(pieces):
    long, _ = find_accompaniments(pieces)
    fading = Shares()
    late = np.arange(90 * RATE)[:, None] > 45 * RATE
    fading.separate = lambda mix: {
        **Shares().separate(mix),
        "bass": np.where(late, 0.03, 0.5).astype(np.float32) * mix,
    }
    stems = estimating.estimated_stems(long, fading)
    assert stems["bass"][: 44 * RATE].any(axis=1).mean() > 0.99
    assert not stems["bass"][47 * RATE :].any()
    np.testing.assert_allclose(
        sum(stems.values()), long.read(15 * RATE, 90 * RATE), rtol=0, atol=1e-6
    )


def test_stems_that_would_be_clipped_are_quieter_together(pieces):
    _, short = find_accompaniments(pieces)
    stems = estimating.estimated_stems(short, Shares(drums=4.0))
    assert max(np.abs(stem).max() for stem in stems.values()) == pytest.approx(0.99, abs=1e-4)
    np.testing.assert_allclose(sum(stems.values()), 0.99 / 2.0 * short.read(), atol=1e-6)


@pytest.mark.parametrize("missing", ["drums", "bass"])
def test_a_piece_without_drums_or_bass_is_left_out(pieces, missing):
    _, short = find_accompaniments(pieces)
    assert estimating.estimated_stems(short, Shares(**{missing: 0.1})) is None


def test_a_silent_or_empty_piece_is_left_out(pieces):
    for name, samples in (("silent", RATE), ("zero", 0)):
        silence = np.zeros((samples, 2))
        soundfile.write(pieces / "accompaniments" / f"{name}.wav", silence, RATE)
    _, _, *silent = find_accompaniments(pieces)
    assert [estimating.estimated_stems(piece, Shares()) for piece in silent] == [None, None]


def test_networks_and_pieces_that_do_not_fit_are_refused(pieces, tmp_path_factory):
    slow, lone = Shares(), Shares()
    slow.sample_rate, lone.targets = 22050, ("vocals",)
    with pytest.raises(InvalidOption, match=r"network.*44100 Hz.*22050 Hz"):
        estimating.estimate_all(pieces, slow)
    with pytest.raises(InvalidOption, match=r"targets.*vocals, drums, bass, other.*got vocals"):
        estimating.estimate_all(pieces, lone)
    with pytest.raises(InvalidOption, match=r"accompaniments.*none.*build-data"):
        estimating.estimate_all(tmp_path_factory.mktemp("nothing"), Shares())
    soundfile.write(pieces / "accompaniments" / "fast.wav", np.ones((100, 2)), 48000)
    with pytest.raises(InvalidOption, match=r"fast\.wav.*48000 Hz"):
        estimating.estimate_all(pieces, Shares())
    assert not (pieces / "train").exists()


@pytest.mark.parametrize("draws_sounding", [False, True])
def test_estimated_songs_are_drawn_from_anywhere_but_never_as_a_whole(
    data, tiny, pieces, draws_sounding
):
    shutil.copytree(data, pieces, dirs_exist_ok=True)
    estimating.estimate_all(pieces, Shares())
    assert [song.is_estimated for song in find_songs(pieces, "train")] == [False, False]
    songs = find_songs(pieces, "train", estimated=True)
    assert [song.is_estimated for song in songs] == [True, True, False, False]
    mixing = Mixing(draws_sounding=draws_sounding, coherent_share=0.5)
    excerpts = Excerpts(songs, tiny, Recipe(mixing=mixing), seed=1)
    np.testing.assert_array_equal(excerpts.chances, [0, 0, 0.5, 0.5])
    np.testing.assert_array_equal(excerpts.chances_of["vocals"], [0, 0, 0.5, 0.5])
    for target in ("drums", "bass", "other"):
        np.testing.assert_allclose(excerpts.chances_of[target], [0.25] * 4)
    with pytest.raises(InvalidOption, match=r"stems are true.*2 whose stems"):
        Excerpts(songs[:2], tiny, Recipe(mixing=mixing), seed=1)


def test_a_song_of_one_source_is_whole_before_an_estimated_one_is(data, tiny, pieces):
    estimating.estimate_all(pieces, Shares())
    shutil.copytree(data / "train", pieces / "train", dirs_exist_ok=True)
    *estimated, loop, _ = find_songs(pieces, "train", estimated=True)
    for target in ("vocals", "bass", "other"):
        soundfile.write(loop.folder / f"{target}.wav", np.zeros((loop.num_samples, 2)), RATE)
    mixing = Mixing(draws_sounding=True, coherent_share=0.5)
    excerpts = Excerpts([*estimated, loop], tiny, Recipe(mixing=mixing), seed=1)
    np.testing.assert_array_equal(excerpts.chances, [0, 0, 1])


def test_songs_say_what_they_are_made_of_and_by_whom(pieces):
    estimating.estimate_all(pieces, Shares())
    facts = {
        folder.name: json.loads((folder / "song.json").read_text())
        for folder in (pieces / "train").iterdir()
    }
    by = {"name": "shares", "sha256": "0" * 64, "licence": "MIT"}
    assert facts == {
        "estimated-long": {"score": "long", "sources": ["waltzes"], "estimated_by": by},
        "estimated-short.v1": {"score": "short.v1", "sources": ["waltzes"], "estimated_by": by},
    }


def test_the_command_goes_on_where_it_stopped_and_other_weights_begin_anew(
    pieces, monkeypatch, caplog
):
    networks = {"first": Shares(), "second": Shares(drums=0.6)}
    networks["second"].weights_sha256 = "1" * 64
    monkeypatch.setattr(estimating.Separator, "load", lambda name, **_: networks[name])

    def run(name):
        caplog.clear()
        monkeypatch.setattr(sys, "argv", ["estimating", str(pieces), "--checkpoint", name])
        with caplog.at_level("INFO"):
            estimating.main()
        return caplog.messages

    soundfile.write(pieces / "accompaniments" / "rest.wav", np.zeros((RATE, 2)), RATE)
    credit(pieces, "long", "rest", "short.v1")
    left_out = "rest: too little of drums or bass"
    assert run("first") == ["long: written", left_out, "short.v1: written"]
    assert sorted(folder.name for folder in (pieces / "train").iterdir()) == [
        "estimated-long",
        "estimated-short.v1",
    ]
    assert run("first") == [left_out]
    assert run("second") == ["long: written", left_out, "short.v1: written"]
    long, *_ = find_songs(pieces, "train", estimated=True)
    np.testing.assert_allclose(long.read("drums"), 0.6 * long.read("mixture"), atol=1e-4)
    networks["second"].weights_sha256, networks["second"].shares["bass"] = "2" * 64, 0.0
    run("second")
    assert not list((pieces / "train").iterdir()), "what the weights before had found is gone"
    shutil.rmtree(pieces / "accompaniments")
    with pytest.raises(SystemExit):
        run("first")


@pytest.mark.parametrize(
    "manifest", ['{"accompaniments": ["long.wav", "short.v1.wav"]}', "{}", "["]
)
def test_pieces_that_nobody_is_credited_for_are_refused(pieces, manifest):
    (pieces / "manifest.json").write_text(manifest)
    with pytest.raises(InvalidOption, match=r"manifest.*(build-data|build anew)"):
        estimating.estimate_all(pieces, Shares())


def test_another_song_of_the_same_name_stays(data, pieces):
    (mine, *_) = (data / "train").iterdir()
    shutil.copytree(mine, pieces / "train" / "estimated-long")
    with pytest.raises(InvalidOption, match=r"estimated-long.*another name"):
        estimating.estimate_all(pieces, Shares())
    assert len(find_songs(pieces, "train")) == 1


def test_a_folder_appears_whole_or_not_at_all(tmp_path, monkeypatch):
    audio = {"drums": np.full((10, 2), 0.25, np.float32), "bass": np.zeros((10, 2), np.float32)}
    folder = tmp_path / "train" / "song"
    write, written = soundfile.write, []

    def broken(file, *arguments, **options):
        if written:
            raise OSError("no space left")
        written.append(file)
        write(file, *arguments, **options)

    monkeypatch.setattr(folders.soundfile, "write", broken)
    with pytest.raises(OSError, match="no space"):
        folders.write_folder(folder, {"other": audio["drums"], **audio}, {"seed": 1})
    assert not folder.exists()
    monkeypatch.setattr(folders.soundfile, "write", write)
    folders.write_folder(folder, audio, {"seed": 2})
    files = sorted(path.name for path in folder.iterdir())
    assert files == ["bass.wav", "drums.wav", "song.json"]
    assert json.loads((folder / "song.json").read_text()) == {"seed": 2}
    assert [path.name for path in (tmp_path / "train").iterdir()] == ["song"]
    for _ in range(2):
        folders.remove_folder(folder)
        assert not list((tmp_path / "train").iterdir())
