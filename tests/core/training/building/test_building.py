import json
import shutil
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import pyworld
import soundfile
import soxr

from lasaft_core.errors import InvalidOption
from lasaft_core.musdb import TARGETS, find_accompaniments, find_songs
from lasaft_core.training.building import mixing, players, songs
from lasaft_core.training.building.builder import BuildSettings, build
from lasaft_core.training.building.folders import write_folder
from lasaft_core.training.building.midi_files import write_part
from lasaft_core.training.building.multitracks import recorded_song
from lasaft_core.training.building.players import Orchestra
from lasaft_core.training.building.score import Note, Part, Score
from lasaft_core.training.building.singing import Singer, words_of
from lasaft_core.training.building.songs import _Studio, build_song
from lasaft_core.training.building.sources import find_sources, of_split

RATE = 44100


def test_sources_have_terms_and_what_is_held_out_stays_out(sources_folder, tmp_path):
    sources = find_sources(sources_folder)
    kinds = {"kits", "basses", "guitars", "voices", "midi", "instrumentals"}
    assert {source.kind for source in sources} == kinds
    names = [{s.name for s in of_split(sources, split)} for split in ("train", "valid")]
    assert names[0] - names[1] == {"alto", "songs"}, "a voice, and scores"
    assert names[1] - names[0] == {"held-out"}
    (tmp_path / "voices" / "somebody").mkdir(parents=True)
    with pytest.raises(InvalidOption, match=r"somebody.*\n?.*licence"):
        find_sources(tmp_path)
    with pytest.raises(InvalidOption, match="soundfonts"):
        find_sources(tmp_path / "nowhere")


def test_what_is_held_out_is_never_trained_on_be_it_all_of_its_kind(sources_folder):
    held_out, found = {"kits", "midi"}, find_sources(sources_folder)
    sources = [replace(source, held_out=source.kind in held_out) for source in found]
    train, valid = (of_split(sources, split) for split in ("train", "valid"))
    assert {s.kind for s in train} == {"basses", "guitars", "voices", "instrumentals"}
    assert {s.kind for s in valid} == {*held_out, *(s.kind for s in train)}


def test_two_sources_of_one_name_are_refused_since_songs_name_whom_to_credit(
    sources_folder, tmp_path
):
    shutil.copytree(sources_folder, tmp_path, dirs_exist_ok=True)
    shutil.copytree(tmp_path / "midi" / "songs", tmp_path / "voices" / "songs")
    shutil.copy(next(tmp_path.glob("voices/alto/*.wav")), tmp_path / "voices" / "songs")
    with pytest.raises(InvalidOption, match=r"voices/songs and midi/songs.*rename"):
        find_sources(tmp_path)


def test_where_a_midi_song_rests_another_is_composed(sources_folder, tmp_path):
    (source,) = [s for s in find_sources(sources_folder) if s.kind == "midi"]
    rests = Part("other", 30, tuple(Note(at, 1.0, 60, 90) for at in (0.0, 400.0)))
    write_part(tmp_path / "rests.mid", rests)
    midi = replace(source, files=(tmp_path / "rests.mid",))
    seed = next(s for s in range(99) if np.random.default_rng(s).random() < songs._FROM_MIDI)
    song = build_song([midi], seed, 4.0)
    assert song.score.startswith("composed")
    assert midi.name not in song.credits


def test_a_sampled_instrument_plays_what_is_written(sources_folder):
    (bass,) = [s for s in find_sources(sources_folder) if s.kind == "basses"]
    part = Part("bass", 33, (Note(0.5, 0.4, 48, 100),))
    rng = np.random.default_rng(1)
    audio = Orchestra([bass]).play(part, replace(bass, files=bass.files[:1]), RATE, rng)
    assert np.abs(audio[: int(0.45 * RATE)]).max() < 1e-3
    spectrum = np.abs(np.fft.rfft(audio[int(0.5 * RATE) : int(0.9 * RATE), 0]))
    assert spectrum.argmax() / 0.4 == pytest.approx(130.8, abs=4)


def test_sampled_instruments_play_what_lies_within_their_range(sources_folder):
    found = next(s for s in find_sources(sources_folder) if s.kind == "basses")
    bass = replace(found, lowest=30, highest=50)
    font = replace(bass, kind="soundfonts", name="font")
    kit = replace(bass, kind="kits", name="kit")
    orchestra, rng = Orchestra([bass, font, kit]), np.random.default_rng(0)

    def players(role, *pitches, orchestra=orchestra):
        part = Part(role, 33, tuple(Note(0.0, 0.4, pitch, 100) for pitch in pitches))
        chosen = [orchestra.choose(part, rng) for _ in range(60)]
        return {None if player is None else player.name for player in chosen}

    assert players("bass", 30, 50) == {None, bass.name, "font"}
    assert players("bass", 29, 50) == players("bass", 30, 51) == {None, "font"}
    assert players("bass", *range(30, 52)) == {None, bass.name, "font"}, "one of many is folded"
    assert players("bass", 51, orchestra=Orchestra([bass])) == {None, bass.name}
    assert players("drums", 36, 70) == {None, "kit", "font"}
    assert players("drums", 70) == players("drums", 60, 61) == {"font"}


def test_a_guitar_plays_twice_and_is_heard_on_both_sides(sources_folder, monkeypatch):
    monkeypatch.setattr(songs, "_TWO_TAKES", 1.0)
    guitar = next(s for s in find_sources(sources_folder) if s.kind == "guitars")
    two = replace(guitar, files=(guitar.files[0], guitar.files[0].with_name("no other.sfz")))
    played = []
    render = players._render
    monkeypatch.setattr(
        players, "_render", lambda source, *given: played.append(source) or render(guitar, *given)
    )
    plucked = tuple(Note(0.1 + 0.2 * i, 0.2, 50 + i, 100) for i in range(4))
    heard = set()
    for seed in range(12):
        played.clear()
        audio, is_double = _Studio([two], seed, 1.0)._played(Part("other", 30, plucked))
        assert len(played) == 2 * is_double
        left, right = audio.T
        assert (np.corrcoef(left, right)[0, 1] < 0.9) == is_double
        assert len({source.files for source in played}) == is_double, "one and the same"
        heard |= {source.files for source in played}
    assert len(heard) == 2
    _, is_double = _Studio([two], 0, 1.0)._played(Part("other", 0, plucked))
    assert not is_double


def test_percussion_is_softer_than_a_kit(monkeypatch):
    monkeypatch.setattr(_Studio, "_score", lambda _: score)
    monkeypatch.setattr(mixing, "balanced", lambda stems, _: stems)
    monkeypatch.setattr(mixing, "mastered", lambda stems, _: stems)
    levels = {}
    for key in (70, 42):
        strokes = tuple(Note(0.25 * i, 0.1, key, 100) for i in range(8))
        score = Score("strokes", 2.0, 0.5, frozenset(), (), (Part("drums", 0, strokes),))
        drums = [build_song([], seed, 2.0).stems["drums"] for seed in range(6)]
        levels[key] = [10 * np.log10(np.square(stem).mean()) for stem in drums]
    assert np.median(levels[70]) < np.median(levels[42]) - 4
    assert np.std(levels[70]) > 1


def test_all_but_drums_and_voices_give_way_to_a_kick():
    studio = _Studio([], 0, 2.0)
    kick = Part("drums", 0, (Note(1.0, 0.1, 36, 100), Note(1.5, 0.1, 38, 100)))
    score = Score("kick", 2.0, 0.5, frozenset(), (), (kick,))
    before = {target: np.ones((2 * RATE, 2), np.float32) for target in TARGETS}
    stems = dict(before)
    studio._pump(stems, score)
    for target in ("drums", "vocals"):
        assert stems[target] is before[target]
    for target in ("bass", "other"):
        gain = stems[target][:, 0]
        assert gain[: RATE - 500].min() == 1
        assert np.argmin(gain) == pytest.approx(1.0 * RATE, abs=300)
        assert gain.min() < 0.75
        assert gain[-1] > 0.95, "a snare pumps nothing"


def test_a_voice_sings_the_notes_that_it_is_given(sources_folder):
    voice = next(s for s in find_sources(sources_folder) if s.name == "alto")
    singer = Singer(voice, 1.0, 5.0, 0.0, 0.03, 0.0, 0.0)
    notes = [Note(0.3, 0.8, 60, 100), Note(1.2, 0.8, 64, 100)]
    rng = np.random.default_rng(0)
    sung = singer.sing(notes, words_of(voice, rng, 1.6), int(2.2 * RATE), rng)
    pitch, times = pyworld.dio(sung.astype(np.float64), RATE)
    for note in notes:
        held = pitch[(times > note.start + 0.2) & (times < note.start + note.seconds - 0.1)]
        semitones = 12 * np.log2(np.median(held[held > 0]) / 440) + 69
        assert semitones == pytest.approx(note.pitch, abs=0.3)
    assert np.abs(sung[: int(0.1 * RATE)]).max() < 0.05


def test_a_recording_of_a_narrow_band_sings_in_the_full_one(sources_folder, tmp_path):
    voice = next(s for s in find_sources(sources_folder) if s.name == "alto")
    audio, rate = soundfile.read(voice.files[0])
    narrow = tmp_path / "narrow.wav"
    soundfile.write(narrow, soxr.resample(audio, rate, 16000), 16000)
    singer = Singer(replace(voice, files=(narrow,)), 1.0, 5.0, 0.0, 0.03, 0.0, 0.0)
    rng = np.random.default_rng(0)
    sung = singer.sing([Note(0.1, 0.8, 60, 100)], words_of(singer.source, rng, 0.8), RATE, rng)
    power = np.abs(np.fft.rfft(sung)) ** 2  # a bin a hertz
    assert 1e-9 < power[9000:16000].sum() / power.sum() < 0.1


def heard_takes(monkeypatch, sources, seeds):
    """Of songs of these seeds: the voices' takes (notes, words)."""
    takes = []
    silence = np.zeros(4 * RATE, np.float32)
    monkeypatch.setattr(songs, "words_of", lambda _, rng, __: list(rng.random(5)))
    monkeypatch.setattr(
        Singer, "sing", lambda _, notes, words, *__: takes[-1].append((notes, words)) or silence
    )
    monkeypatch.setattr(Singer, "speak", lambda *_: silence)
    monkeypatch.setattr(Orchestra, "play", lambda *_: np.zeros((4 * RATE, 2)))
    for seed in seeds:
        takes.append([])
        build_song(sources, seed, 4.0)
    return takes


def test_doubles_sing_the_same_words_at_almost_the_same_time(sources_folder, monkeypatch):
    sources = [s for s in find_sources(sources_folder) if s.kind == "voices"]
    monkeypatch.setattr(songs, "_DOUBLED", 1.0)
    monkeypatch.setattr(songs, "_HARMONISED", 0.0)
    monkeypatch.setattr(songs, "_CHOIR", 0.0)
    sung = [takes for takes in heard_takes(monkeypatch, sources, range(8)) if takes]
    assert len(sung) > 2
    for (lead, words), *doubles in sung:
        assert len(doubles) == 2
        for notes, theirs in doubles:
            assert theirs == words
            late = np.subtract([n.start for n in notes], [n.start for n in lead])
            assert 0 < np.abs(late).max() < 0.1


@pytest.mark.parametrize("start", [0.99, 1.0, 1.2])
def test_a_note_at_or_after_the_end_is_sung_as_far_as_there_is_time(start, sources_folder):
    voice = next(s for s in find_sources(sources_folder) if s.name == "alto")
    singer = Singer(voice, 1.0, 5.0, 0.0, 0.03, 0.0, 0.0)
    rng = np.random.default_rng(0)
    words = [replace(syllable, consonant=0) for syllable in words_of(voice, rng, 1.0)]
    notes = [Note(0.1, 0.5, 60, 100), Note(start, 0.5, 62, 100)]
    assert singer.sing(notes, words, RATE, rng).shape == (RATE,)


def test_ones_own_harmony_has_the_lead_s_words(sources_folder, monkeypatch):
    sources = [s for s in find_sources(sources_folder) if s.kind == "voices"]
    for name, share in {"_DOUBLED": 0, "_HARMONISED": 1, "_WITH_ONESELF": 1, "_CHOIR": 0}.items():
        monkeypatch.setattr(songs, name, float(share))
    sung = [takes for takes in heard_takes(monkeypatch, sources, range(8)) if takes]
    assert len(sung) > 2
    for (_, words), *harmonies in sung:
        assert harmonies
        assert all(theirs == words for _, theirs in harmonies)


def test_noises_are_of_other_and_only_beside_music(monkeypatch):
    monkeypatch.setattr(mixing, "mastered", lambda stems, _: stems)
    monkeypatch.setattr(mixing, "balanced", lambda stems, _: stems)
    click = np.zeros((2 * RATE, 2), np.float32)
    click[RATE] = 1.0
    monkeypatch.setattr(songs, "crackle", lambda *_: click)
    kick = Part("drums", 0, (Note(0.5, 0.1, 36, 100),))
    piano = Part("other", 0, (Note(0.5, 0.1, 60, 100),))
    for parts in ((kick,), (kick, piano)):
        score = Score("noise", 2.0, 0.5, frozenset(), (), parts)
        monkeypatch.setattr(songs, "compose", lambda *_, score=score: score)
        other = {}
        for share in (0.0, 1.0):
            monkeypatch.setattr(songs, "_CRACKLING", share)
            other[share] = build_song([], 0, 2.0).stems
        assert other[1.0]["other"].any() == (piano in parts)
        changed = not np.array_equal(other[0.0]["other"], other[1.0]["other"])
        assert changed == (piano in parts)
        np.testing.assert_array_equal(other[0.0]["drums"], other[1.0]["drums"])


def test_voices_are_chopped_where_they_are_heard(sources_folder, monkeypatch):
    sources = [s for s in find_sources(sources_folder) if s.kind == "voices"]
    for name, share in {"_CHOIR": 0, "_CHOPPED": 1, "_SPOKEN": 1, "_AS_RECORDED": 1}.items():
        monkeypatch.setattr(songs, name, float(share))
    half = np.zeros(8 * RATE, np.float32)
    half[: 4 * RATE] = 0.1
    monkeypatch.setattr(Singer, "speak", lambda *_: half)
    seen = []
    monkeypatch.setattr(
        songs, "chopped", lambda audio, starts, *_: seen.append(starts) or audio.copy()
    )
    for seed in range(4):
        build_song(sources, seed, 8.0)
    assert len(seen) > 1
    assert all(start < 4.0 for starts in seen for start in starts)


def test_a_choir_sings_chords_with_words_in_common(sources_folder, monkeypatch):
    sources = [s for s in find_sources(sources_folder) if s.kind == "voices"]
    monkeypatch.setattr(songs, "_CHOIR", 1.0)
    monkeypatch.setattr(songs, "_SPOKEN", 1.0)
    choirs = [takes for takes in heard_takes(monkeypatch, sources, range(8)) if takes]
    assert len(choirs) > 2
    for takes in choirs:
        assert 3 <= len(takes) <= 6
        assert all(words == takes[0][1] for _, words in takes)
        assert len({notes[0].pitch for notes, _ in takes}) > 2


def test_a_voice_speaks_in_the_phrases_of_its_melody(sources_folder):
    voice = next(s for s in find_sources(sources_folder) if s.name == "alto")
    singer = Singer(voice, 1.0, 5.0, 0.0, 0.03, 0.0, 0.0)
    notes = [Note(0.5, 0.4, 60, 100), Note(0.95, 0.3, 62, 100), Note(2.5, 0.4, 64, 100)]
    spoken = singer.speak(notes, 3 * RATE, np.random.default_rng(0))
    heard = np.abs(spoken).reshape(-1, RATE // 20).max(axis=1) > 0
    assert heard[11:24].all()
    assert heard[51:57].all()
    assert not heard[:10].any()
    assert not heard[26:49].any()
    assert not heard[59:].any()


def test_songs_are_built_once_the_same_everywhere_with_their_credits(sources_folder, tmp_path):
    settings = BuildSettings(hours=8 / 3600, song_seconds=4.0, validation_songs=1)
    counts = []
    manifest = build(sources_folder, tmp_path, settings, lambda *done: counts.append(done))
    assert counts == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert len(find_songs(tmp_path, "train")) == 2
    (held_out,) = find_songs(tmp_path, "valid")
    np.testing.assert_allclose(held_out.read("mixture"), sum(held_out.stems().values()), atol=4e-5)
    assert manifest == json.loads((tmp_path / "manifest.json").read_text())
    played = {name for song in manifest["songs"].values() for name in song["sources"]}
    credited = {source["name"] for source in manifest["sources"]}
    assert credited == played - {"synthesis"} | {"waltzes"}
    (waltz,) = find_accompaniments(tmp_path)
    assert (waltz.name, waltz.num_samples) == ("waltzes-first", RATE)
    assert waltz.read().any()
    assert all(s["licence"] and s["attribution"] for s in manifest["sources"])
    build(sources_folder, tmp_path, settings, lambda *done: counts.append(done))
    assert counts[4:] == [(3, 3)]
    assert manifest["accompaniments"] == {"waltzes-first.wav": "waltzes"}
    by = {"name": "shares", "sha256": "0" * 64, "licence": None}
    facts = {"score": "first", "sources": ["waltzes"], "estimated_by": by}
    write_folder(tmp_path / "train" / "estimated-waltzes-first", held_out.stems(), facts)
    manifest = build(sources_folder, tmp_path, settings, lambda *_: None)
    assert manifest["songs"]["train/estimated-waltzes-first"] == facts
    assert manifest["networks"] == [by]
    shutil.rmtree(tmp_path / "train" / "estimated-waltzes-first")
    foreign = tmp_path / "train" / "foreign" / "song.json"
    foreign.parent.mkdir()
    for named in ("", '"sources": null', '"sources": []', '"sources": [["waltzes"]]'):
        foreign.write_text(f"{{{named}}}")
        with pytest.raises(InvalidOption, match=r"train/foreign of others"):
            build(sources_folder, tmp_path, settings, lambda *_: None)
    shutil.rmtree(foreign.parent)
    fewer = tmp_path / "fewer"
    shutil.copytree(sources_folder, fewer)
    shutil.rmtree(fewer / "instrumentals")
    with pytest.raises(InvalidOption, match=r"waltzes-first\.wav of others.*put their sources"):
        build(fewer, tmp_path, settings, lambda *_: None)


def test_solos_and_voices_that_sing_are_songs_of_one_source(sources_folder, tmp_path):
    sources, out = tmp_path / "sources", tmp_path / "out"
    alto = next(s for s in find_sources(sources_folder) if s.name == "alto")
    for kind, name, more in (
        ("solos", "beats", {"target": "drums", "takes": 2}),
        ("solos", "kept-back", {"target": "drums", "held_out": True}),
        ("voices", "choir", {"sung": True, "a_voice_each": True}),
    ):
        folder = sources / kind / name
        folder.mkdir(parents=True)
        shutil.copy(alto.files[0], folder / "one.wav")
        terms = {"licence": "CC0-1.0", "attribution": name, "files": ["*.wav"], **more}
        (folder / "source.json").write_text(json.dumps(terms))
    shutil.copytree(sources_folder / "midi", sources / "midi")
    settings = BuildSettings(hours=4 / 3600, song_seconds=4.0, validation_songs=0)
    build(sources, out, settings, lambda *_: None)
    found = {song.name: song for song in find_songs(out, "train")}
    for name, target in (
        ("beats-one", "drums"),
        ("beats-one-take-2", "drums"),
        ("choir-one", "vocals"),
    ):
        solo = found.pop(name)
        assert [t for t in TARGETS if solo.sounds(t)] == [target]
        assert np.abs(solo.read(target)).max() == pytest.approx(0.9, abs=1e-3)
        np.testing.assert_array_equal(solo.read("mixture"), solo.read(target))
    assert [name for name in found if not name.startswith("song-")] == []
    (sources / "solos" / "beats" / "source.json").write_text(
        json.dumps({"licence": "CC0-1.0", "attribution": "beats", "files": ["*.wav"]})
    )
    with pytest.raises(InvalidOption, match="target: vocals"):
        find_sources(sources)


def test_every_take_of_a_dry_recording_sounds_through_other_effects(tmp_path):
    audio = np.sin(2 * np.pi * 110 * np.arange(2 * RATE) / RATE).astype(np.float32)
    kinds = {
        "other": ("solos", {"target": "other", "direct": True}),
        "bass": ("solos", {"target": "bass", "direct": True}),
        "vocals": ("voices", {"sung": True}),
    }
    for target, (kind, terms) in kinds.items():
        folder = tmp_path / "sources" / kind / f"dry-{target}"
        folder.mkdir(parents=True)
        soundfile.write(folder / "riff.wav", 0.1 * audio, RATE)
        terms |= {"licence": "CC0-1.0", "attribution": "a player", "files": ["*.wav"], "takes": 3}
        (folder / "source.json").write_text(json.dumps(terms))
    settings = BuildSettings(hours=4 / 3600, song_seconds=4.0, validation_songs=0)
    for out in ("first", "again"):
        build(tmp_path / "sources", tmp_path / out, settings, lambda *_: None)
    for target in kinds:
        takes, again = (
            [
                song.read(target)
                for song in find_songs(tmp_path / out, "train")
                if target in song.name
            ]
            for out in ("first", "again")
        )
        assert len(takes) == 3
        assert {take.shape for take in takes} == {(2 * RATE, 2)}
        assert [np.abs(take).max() for take in takes] == pytest.approx([0.9] * 3, abs=1e-3)
        assert all(np.abs(a - b).max() > 0.01 for a, b in combinations(takes, 2))
        np.testing.assert_array_equal(takes, again)


@pytest.mark.parametrize("kind", ["solos", "instrumentals"])
def test_recordings_of_one_name_are_refused_before_anything_is_built(tmp_path, kind):
    for folder in ("first", "second"):
        place = tmp_path / "sources" / kind / "band" / folder
        place.mkdir(parents=True)
        soundfile.write(place / "take.wav", np.ones(RATE), RATE)
    terms = {"licence": "CC0-1.0", "attribution": "a band", "files": ["**/*.wav"]}
    terms |= {"target": "drums"} if kind == "solos" else {}
    (tmp_path / "sources" / kind / "band" / "source.json").write_text(json.dumps(terms))
    settings = BuildSettings(hours=4 / 3600, song_seconds=4.0, validation_songs=0)
    with pytest.raises(InvalidOption, match=r"band-take.* more than once"):
        build(tmp_path / "sources", tmp_path / "out", settings, lambda *_: None)
    assert not (tmp_path / "out").exists()


def test_songs_of_another_length_are_refused_also_after_an_interruption(sources_folder, tmp_path):
    settings = BuildSettings(hours=4 / 3600, song_seconds=4.0, validation_songs=0)
    build(sources_folder, tmp_path, settings, lambda *_: None)
    (tmp_path / "manifest.json").unlink()  # it is written last
    with pytest.raises(InvalidOption, match=r"song seconds: expected 4.*another --out"):
        build(sources_folder, tmp_path, replace(settings, song_seconds=5.0), lambda *_: None)


def test_a_song_depends_on_its_seed_and_sources_alone(sources_folder, tmp_path):
    for hours, folder in ((4 / 3600, "short"), (8 / 3600, "long")):
        settings = BuildSettings(hours=hours, seed=3, song_seconds=4.0, validation_songs=0)
        build(sources_folder, tmp_path / folder, settings, lambda *_: None)
    short, long = (find_songs(tmp_path / folder, "train") for folder in ("short", "long"))
    assert (len(short), len(long)) == (1, 2)
    assert short[0].name == long[0].name
    for target in TARGETS:
        np.testing.assert_array_equal(short[0].read(target), long[0].read(target))
    assert not np.array_equal(long[0].read("bass"), long[1].read("bass"))


@pytest.mark.parametrize("wrong", [{"hours": 0.0}, {"hours": 1.0, "song_seconds": 1.0}])
def test_settings_that_build_nothing_are_refused(wrong):
    with pytest.raises(InvalidOption, match="hours above 0"):
        BuildSettings(**wrong)


def test_a_recorded_songs_tracks_become_its_stems(tmp_path):
    rng = np.random.default_rng(0)
    tracks = {
        name: 0.1 * rng.standard_normal((RATE, 2))
        for name in ("VOX lead", "VOX echo", "kick", "pad", "pad + bass")
    }
    folder = tmp_path / "sources" / "multitracks" / "song"
    folder.mkdir(parents=True)
    for name, audio in tracks.items():
        soundfile.write(folder / f"{name}.wav", audio, RATE, subtype="FLOAT")
    terms = {
        "licence": "CC0-1.0",
        "attribution": "this test",
        "files": ["*.wav"],
        "stems": {"left out": ["* + *"], "vocals": ["VOX*"], "drums": ["kick*"]},
    }
    (folder / "source.json").write_text(json.dumps(terms))
    stems = recorded_song(find_sources(tmp_path / "sources")[0]).stems
    assert np.abs(sum(stems.values())).max() == pytest.approx(0.9, abs=1e-5)
    scale = stems["other"][0, 0] / tracks["pad"][0, 0]
    wanted = {
        "vocals": tracks["VOX lead"] + tracks["VOX echo"],
        "drums": tracks["kick"],
        "bass": np.zeros((RATE, 2)),
        "other": tracks["pad"],
    }
    for target, audio in wanted.items():
        np.testing.assert_allclose(stems[target], scale * audio, atol=1e-5)
    for name in tracks:
        soundfile.write(folder / f"{name}.wav", np.zeros((RATE, 2)), RATE)
    with pytest.raises(InvalidOption, match=r"source song: .* got silence; remove it"):
        recorded_song(find_sources(tmp_path / "sources")[0])


def choir_terms(**more):
    return json.dumps({"licence": "MIT", "attribution": "this test", "files": ["*.wav"], **more})


def test_every_file_of_a_choir_is_another_voice(tmp_path):
    folder = tmp_path / "voices" / "choir"
    folder.mkdir(parents=True)
    for name in ("alto", "bass"):
        soundfile.write(folder / f"{name}.wav", np.zeros(100), RATE)
    (folder / "source.json").write_text(choir_terms(a_voice_each=True, sung=True))
    alto, bass = find_sources(tmp_path)
    assert (alto.name, bass.name) == ("choir", "choir")
    assert [file.stem for file in (*alto.files, *bass.files)] == ["alto", "bass"]
    assert alto.sung


@pytest.mark.parametrize(("sung", "least", "most"), [(True, 26, 46), (False, 1, 16)])
def test_who_sings_already_is_mostly_heard_as_recorded(sung, least, most, tmp_path, monkeypatch):
    folder = tmp_path / "voices" / "singer"
    folder.mkdir(parents=True)
    soundfile.write(folder / "song.wav", np.zeros(100), RATE)
    (folder / "source.json").write_text(choir_terms(sung=sung))
    heard = []
    silence = np.zeros(4 * RATE, np.float32)
    monkeypatch.setattr(Singer, "speak", lambda *_: heard.append("as recorded") or silence)
    monkeypatch.setattr(songs, "words_of", lambda *_: ["la"])
    monkeypatch.setattr(Singer, "sing", lambda *_: silence)
    monkeypatch.setattr(mixing, "produced_voice", lambda audio, *_: audio)
    monkeypatch.setattr(Orchestra, "play", lambda *_: np.zeros((4 * RATE, 2)))
    for seed in range(80):
        build_song(find_sources(tmp_path), seed, 4.0)
    assert least <= len(heard) <= most
