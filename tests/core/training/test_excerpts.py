"""Batches follow their recipe and depend on seed and step alone."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch

from lasaft_core.errors import InvalidOption
from lasaft_core.musdb import TARGETS, find_accompaniments, find_songs
from lasaft_core.training.augmentation import (
    Augmentation,
    Balance,
    Mastering,
    Staging,
    loudness_db,
    peaking_filter,
    placed,
    saturated,
    widened,
)
from lasaft_core.training.excerpts import Excerpts, as_wanted, steps_of_epoch
from lasaft_core.training.recipes import MODERN, Mixing, Recipe

PUBLISHED = Recipe(batch_size=64)


def matching_place(song, target, excerpt):
    """First sample at which the song's source is the excerpt, or None."""
    source = song.read(target)
    starts = np.flatnonzero(np.all(source == excerpt[0], axis=1))
    fits = (s for s in starts if np.array_equal(source[s : s + len(excerpt)], excerpt))
    return next(fits, None)


def places_of_items(songs, config, mixing):
    """For every item that (song, first sample) of each source that fits its mixture."""
    recipe = Recipe(batch_size=4, mixing=mixing)
    excerpts = Excerpts(songs, config, recipe, seed=3)
    sources = excerpts._sources(np.random.default_rng(7))
    return [
        next(
            (song.name, place)
            for song in songs
            if (place := matching_place(song, target, source.T)) is not None
        )
        for target, source in zip(TARGETS, sources, strict=True)
    ]


def test_a_step_has_the_same_batch_whoever_asks(data, tiny):
    songs = find_songs(data, "train")
    first, second = (Excerpts(songs, tiny, MODERN, seed=1) for _ in range(2))
    second[0]
    for a, b in zip(first[5], second[5], strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(first[5][0], first[6][0])
    assert not torch.equal(first[5][0], Excerpts(songs, tiny, MODERN, seed=2)[5][0])


def test_published_items_sum_sources_of_random_places(data, tiny):
    songs = find_songs(data, "train")
    mixtures, wanted, targets, _ = Excerpts(songs, tiny, PUBLISHED, seed=1)[0]
    assert mixtures.shape == wanted.shape == (64, 2, tiny.window_samples)
    counts = torch.bincount(targets, minlength=4)
    assert counts.sum() == 64
    assert len(set(counts.tolist())) > 1, "drawn, not dealt out"
    assert len(set(places_of_items(songs, tiny, Mixing()))) > 1
    assert len(set(places_of_items(songs, tiny, Mixing(coherent_share=1.0)))) == 1


def test_modern_batches_hold_all_targets_alike(data, tiny):
    targets = Excerpts(find_songs(data, "train"), tiny, MODERN, seed=1)[0].targets
    assert torch.bincount(targets).tolist() == [2, 2, 2, 2]
    odd = Excerpts(find_songs(data, "train"), tiny, replace(MODERN, batch_size=3), seed=1)
    assert {target for step in range(20) for target in odd[step][2].tolist()} == {0, 1, 2, 3}


def test_a_network_of_one_target_wants_that_source_of_the_whole_mixture(data, tiny):
    songs = find_songs(data, "train")
    bass = replace(tiny, modulation="none", block="tfc", targets=("bass",))
    recipe = replace(PUBLISHED, mixing=Mixing(coherent_share=1.0))
    mixtures, wanted, _, _ = Excerpts(songs, bass, recipe, seed=1)[0]
    assert any(matching_place(song, "bass", wanted[0].T.numpy()) is not None for song in songs)
    assert not torch.equal(mixtures, wanted)


def test_songs_that_are_too_short_end_in_silence(data, tiny):
    long = replace(tiny, num_frames=2048)
    mixtures = Excerpts(find_songs(data, "train"), long, PUBLISHED, seed=1)[0].mixtures
    assert not mixtures[..., 3 * 44100 :].any()
    assert mixtures[..., : 2 * 44100].any()


def test_silent_sources(data, tiny):
    recipe = replace(PUBLISHED, mixing=Mixing(silent_share=1.0))
    mixtures, wanted, _, _ = Excerpts(find_songs(data, "train"), tiny, recipe, seed=1)[0]
    assert not mixtures.any()
    assert not wanted.any()


def test_mixtures_without_a_voice(data, tiny):
    songs = find_songs(data, "train")
    voiceless = Recipe(batch_size=64, mixing=Mixing(voiceless_share=0.5, asks_all_targets=True))
    vocals, *others = (
        Excerpts(songs, tiny, voiceless, seed=1)[0].wanted.unflatten(0, (-1, 4)).unbind(1)
    )
    silent = (vocals == 0).all(dim=-1).all(dim=-1)
    assert 3 <= silent.sum() <= 13
    assert all(other.any() for other in others)


def test_sparse_mixtures_lack_drums_bass_or_both(data, tiny):
    songs = find_songs(data, "train")
    sparse = Recipe(batch_size=256, mixing=Mixing(sparse_share=0.6, asks_all_targets=True))
    wanted = Excerpts(songs, tiny, sparse, seed=1)[0].wanted.unflatten(0, (-1, 4))
    are_silent = (wanted == 0).flatten(2).all(dim=2)  # mixtures, targets
    vocals, drums, bass, other = are_silent.unbind(1)
    assert not (vocals | other).any()
    for chosen in (drums & ~bass, bass & ~drums, drums & bass):
        assert float(chosen.float().mean()) == pytest.approx(0.2, abs=0.13)


def test_a_published_epoch_is_all_windows_of_all_targets(data, tiny):
    songs = find_songs(data, "train")
    windows = sum(3 * 44100 // tiny.window_samples for _ in songs)
    assert steps_of_epoch(songs, tiny, Recipe(batch_size=8)) == windows * 4 // 8
    assert steps_of_epoch(songs, tiny, Recipe(epoch_steps=7)) == 7


def test_augmentation_changes_gain_polarity_and_sides():
    audio = np.stack([np.ones(100), 2 * np.ones(100)]).astype(np.float32)
    plain = Augmentation(
        (-6.0, -6.0),
        polarity_share=1.0,
        swap_share=1.0,
        equaliser_share=0.0,
        drive_share=0.0,
        staging_share=0.0,
    )
    changed = plain.apply(audio, np.random.default_rng(0), 44100)
    np.testing.assert_allclose(changed, -(10 ** (-6 / 20)) * audio[::-1], rtol=1e-6)


def test_staging_narrows_widens_places_and_delays():
    rng = np.random.default_rng(3)
    mono = np.repeat(rng.standard_normal((1, 4000)), 2, axis=0).astype(np.float32)
    stereo = rng.standard_normal((2, 4000)).astype(np.float32)
    np.testing.assert_allclose(
        widened(stereo, 0.0), np.tile(stereo.mean(axis=0), (2, 1)), atol=1e-6
    )
    np.testing.assert_allclose(
        np.diff(widened(stereo, 2.0), axis=0), 2 * np.diff(stereo, axis=0), atol=1e-5
    )
    assert np.square(placed(mono, 0.6)).sum() == pytest.approx(np.square(mono).sum(), rel=1e-5)
    assert np.abs(placed(mono, 1.0)[0]).max() < 1e-6
    late = Staging(late_seconds=(0.01, 0.01))
    results = [late.apply(mono, rng, 44100) for _ in range(30)]
    delayed = [
        sides
        for sides in results
        if any(not side[:441].any() for side in sides) and sides.any(axis=1).all()
    ]
    assert delayed
    for sides in delayed:
        side = int(not sides[1][:441].any())
        np.testing.assert_array_equal(sides[side][441:], mono[0][:-441])
        np.testing.assert_array_equal(sides[1 - side], mono[0])
    balances = {float(np.square(sides[0]).sum() / np.square(sides).sum()) for sides in results}
    assert min(balances) < 0.3
    assert max(balances) > 0.7


def test_drive_flattens_peaks_and_keeps_the_loudness():
    sine = 0.5 * np.sin(np.linspace(0, 200, 8000, dtype=np.float32))[None].repeat(2, axis=0)
    driven = Augmentation(
        (0.0, 0.0),
        polarity_share=0,
        swap_share=0,
        equaliser_share=0,
        drive_share=1,
        staging_share=0,
    ).apply(sine, np.random.default_rng(0), 44100)
    crest = [np.abs(audio).max() / np.sqrt(np.mean(audio**2)) for audio in (sine, driven)]
    assert crest[1] < crest[0]
    for drive in (1, 10, 80):
        assert loudness_db(saturated(sine, drive)) == pytest.approx(loudness_db(sine), abs=0.05)
    assert not saturated(np.zeros((2, 100), np.float32), 10).any()


def test_sources_from_anywhere_are_balanced_and_those_of_one_song_are_not(data, tiny):
    songs = find_songs(data, "train")
    levels = {"vocals": -18.0, "drums": -20.0, "bass": -22.0, "other": -20.0}
    balance = Balance(deviation=0.0, most=100.0)

    def drawn(coherent_share):
        mixing = Mixing(coherent_share=coherent_share, balance=balance)
        excerpts = Excerpts(songs, replace(tiny, num_frames=512), Recipe(mixing=mixing), seed=1)
        return [loudness_db(source) for source in excerpts._sources(np.random.default_rng(2))]

    assert drawn(0.0) == pytest.approx(list(levels.values()), abs=0.05)
    assert drawn(1.0) != pytest.approx(list(levels.values()), abs=1)


def test_balance_leaves_silence_and_raises_faint_sources_so_far_only():
    rng = np.random.default_rng(0)
    silence, noise = np.zeros((2, 44100), np.float32), rng.standard_normal((2, 44100)) / 1e4
    balance = Balance(deviation=0.0)
    np.testing.assert_array_equal(balance.apply(silence, "bass", rng), silence)
    raised = balance.apply(noise.astype(np.float32), "bass", rng)
    assert loudness_db(raised) == pytest.approx(loudness_db(noise) + balance.most, abs=0.01)


def test_a_source_is_drawn_among_the_songs_that_have_it(data, tiny, tmp_path):
    shutil.copytree(data, tmp_path, dirs_exist_ok=True)
    loop, whole = find_songs(tmp_path, "train")
    for target in ("vocals", "bass", "other"):
        soundfile.write(
            loop.folder / f"{target}.wav", np.zeros((loop.num_samples, 2)), loop.sample_rate
        )
    assert [loop.sounds(target) for target in TARGETS] == [False, True, False, False]
    excerpts = Excerpts([loop, whole], tiny, Recipe(mixing=Mixing(draws_sounding=True)), seed=1)
    np.testing.assert_array_equal(excerpts.chances, [0, 1])
    np.testing.assert_array_equal(excerpts.chances_of["vocals"], [0, 1])
    np.testing.assert_array_equal(excerpts.chances_of["drums"], [0.5, 0.5])
    of_any = Excerpts([loop, whole], tiny, Recipe(), seed=1)
    np.testing.assert_array_equal(of_any.chances_of["vocals"], [0.5, 0.5])
    of_none = Excerpts([loop], tiny, Recipe(mixing=Mixing(draws_sounding=True)), seed=1)
    np.testing.assert_array_equal(of_none.chances_of["vocals"], [1])


def test_a_second_voice_joins_some_voices(data, tiny):
    songs = find_songs(data, "train")
    alone, duets = (
        Excerpts(
            songs,
            tiny,
            Recipe(batch_size=64, mixing=Mixing(duet_share=share, asks_all_targets=True)),
            seed=1,
        )
        for share in (0.0, 1.0)
    )
    rms = [
        float(excerpts[0].wanted.unflatten(0, (-1, 4))[:, 0].square().mean().sqrt())
        for excerpts in (alone, duets)
    ]
    assert rms[1] > 1.15 * rms[0]


@pytest.mark.parametrize("gain_db", [-8.0, 0.0, 6.0])
def test_the_equaliser_raises_its_band_and_leaves_the_rest(gain_db):
    section = peaking_filter(0.1, gain_db=gain_db, quality=1.0)
    for frequency, expected in ((0.1, gain_db), (0.0, 0.0), (0.5, 0.0)):
        z = np.exp(-2j * np.pi * frequency * np.arange(3))
        response = 20 * np.log10(abs(section[:3] @ z) / abs(section[3:] @ z))
        assert response == pytest.approx(expected, abs=1e-6)


def test_speed_stretches_sources_and_long_songs_are_drawn_more_often(data, tiny):
    songs = find_songs(data, "train")
    fast = Recipe(batch_size=2, mixing=Mixing(speed_range=(1.5, 1.5)))
    mixtures = Excerpts(songs, tiny, fast, seed=1)[0].mixtures
    assert mixtures.shape[-1] == tiny.window_samples
    assert mixtures[..., -1000:].any()
    long = replace(songs[0], num_samples=9 * songs[0].num_samples)
    weighed = Recipe(mixing=Mixing(weighs_length=True))
    excerpts = Excerpts([long, songs[1]], tiny, weighed, seed=1)
    rng = np.random.default_rng(0)
    drawn = [excerpts._place(rng, excerpts.chances).piece is long for _ in range(200)]
    assert 0.8 < np.mean(drawn) < 0.98
    capped = Recipe(mixing=Mixing(weighs_length=True, longest_seconds=3.0))
    excerpts = Excerpts([long, songs[1]], tiny, capped, seed=1)
    drawn = [excerpts._place(rng, excerpts.chances).piece is long for _ in range(200)]
    assert 0.35 < np.mean(drawn) < 0.65


def test_mastering_limits_the_mixture_and_leaves_the_sources_balance():
    rng = np.random.default_rng(0)
    sources = rng.uniform(-0.1, 0.1, (4, 2, 20_000)).astype(np.float32)
    sources[:, :, 7000] = sources[:, :, 15_000] = 0.25
    peaks_db = []
    for _ in range(20):
        mastered = Mastering(level_db=(-6.0, -6.0), limiter_share=1.0).apply(sources, rng, 44100)
        gain = mastered / sources
        np.testing.assert_allclose(gain, np.broadcast_to(gain[0, 0], gain.shape), rtol=1e-4)
        mixture = mastered.sum(axis=0)
        assert 10 * np.log10(np.mean(mixture**2)) == pytest.approx(-6, abs=0.01)
        peaks_db.append(20 * np.log10(np.abs(mixture).max() / np.abs(mixture[:, :6000]).max()))
    most = 20 * np.log10(np.abs(sources.sum(axis=0)).max() / 0.4)
    assert most - 10.1 < min(peaks_db) < most - 3
    assert most - 3 < max(peaks_db) < most + 1
    plain = Mastering(level_db=(-6.0, -6.0), limiter_share=0.0).apply(sources, rng, 44100)
    np.testing.assert_allclose(plain / sources, (plain / sources)[0, 0, 0], rtol=1e-4)


@pytest.fixture
def beat(tmp_path):
    """A second of an accompaniment in a data set of its own."""
    audio = np.random.default_rng(5).uniform(-0.5, 0.5, (44100, 2)).astype(np.float32)
    (tmp_path / "accompaniments").mkdir()
    soundfile.write(tmp_path / "accompaniments" / "beat.wav", audio, 44100, subtype="FLOAT")
    return tmp_path


def test_an_accompaniment_is_wanted_whole_beside_a_voice(data, tiny, beat):
    plain = Mixing(asks_all_targets=True, accompanied_share=1.0)
    (piece,) = accompaniments = find_accompaniments(beat)
    recipe = Recipe(batch_size=8, mixing=plain)
    songs = find_songs(data, "train")
    batch = Excerpts(songs, tiny, recipe, seed=1, accompaniments=accompaniments)[0]
    assert batch.joined.all()
    assert len(batch.mixtures) == 2
    for mixture, (vocals, drums, bass, other) in zip(
        batch.mixtures, batch.wanted.unflatten(0, (-1, 4)), strict=True
    ):
        assert not drums.any()
        assert not bass.any()
        assert torch.equal(mixture, vocals + other)
        assert other.numpy().T[0] in piece.read()


def test_accompaniments_serve_recipes_that_ask_for_all_targets(data, tiny, beat):
    songs, accompaniments = find_songs(data, "train"), find_accompaniments(beat)
    always = replace(PUBLISHED, mixing=Mixing(accompanied_share=1.0))
    with_beat = Excerpts(songs, tiny, always, seed=1, accompaniments=accompaniments)[0]
    without = Excerpts(songs, tiny, PUBLISHED, seed=1)[0]
    assert torch.equal(with_beat.mixtures, without.mixtures)
    assert not with_beat.joined.any()


def test_joined_estimates_may_share_a_sum_as_they_like():
    estimates = torch.rand(8, 2, 5)
    joined = as_wanted(estimates, torch.tensor([False, True]))
    assert torch.equal(joined[:4], estimates[:4])
    assert torch.equal(joined[4], estimates[4])
    assert not joined[5:7].any()
    assert torch.allclose(joined[7], estimates[5:8].sum(dim=0))


def test_accompaniments_are_stereo_and_may_be_missing(tmp_path):
    assert find_accompaniments(tmp_path) == []
    (tmp_path / "accompaniments").mkdir()
    soundfile.write(tmp_path / "accompaniments" / "mono.wav", np.zeros(10), 44100)
    with pytest.raises(InvalidOption, match="two channels"):
        find_accompaniments(tmp_path)
