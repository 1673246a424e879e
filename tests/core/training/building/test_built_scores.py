from dataclasses import replace

import mido
import numpy as np
import pytest

from lasaft_core.errors import InvalidOption
from lasaft_core.training.building import composing
from lasaft_core.training.building.composing import _Composer, compose
from lasaft_core.training.building.gestures import gestures
from lasaft_core.training.building.melodies import choir, harmony, melody
from lasaft_core.training.building.midi_files import VOICE_PROGRAMS, read_score, write_part
from lasaft_core.training.building.score import RATE, Bend, Note, Part, another_take
from lasaft_core.training.building.songs import _FROM_MIDI
from lasaft_core.training.instruments import Bass, Keys, SynthBass


@pytest.mark.parametrize("seed", range(12))
def test_a_composed_score_keeps_to_its_key_and_length(seed):
    score = compose(seed, 20.0)
    assert score == compose(seed, 20.0)
    assert {part.role for part in score.parts} >= {"bass", "other"}
    for part in score.parts:
        assert all(0 <= note.start < 20 and 1 <= note.velocity <= 127 for note in part.notes)
        assert part.program not in VOICE_PROGRAMS
        if part.role != "drums":
            assert {note.pitch % 12 for note in part.notes} <= score.scale
        if part.role == "bass":
            assert all(28 <= note.pitch <= 60 for note in part.notes)


def parts_of(role, programs=range(128), scores=200):
    """[parts, [pitches]] of composed scores."""
    composed = (compose(seed, 12.0) for seed in range(scores))
    parts = (part for score in composed for part in score.parts if part.role == role)
    chosen = [[n.pitch for n in part.notes] for part in parts if part.program in programs]
    return [pitches for pitches in chosen if pitches]


def test_basses_and_other_instruments_meet_in_one_range():
    """Where one is always below the other, pitch alone would tell them apart."""
    bass, other = parts_of("bass"), parts_of("other")
    assert min(map(min, bass)) == 28
    assert 0.1 < np.mean([np.median(pitches) > 43 for pitches in bass]) < 0.5
    assert np.mean([np.median(pitches) < 40 for pitches in bass]) > 0.3
    assert min(map(min, other)) == 31, "a piano's left hand"
    assert min(map(min, parts_of("other", programs=(29, 30)))) == 40
    assert min(map(min, parts_of("other", programs=(68, 73, 75)))) >= 40
    assert 0.04 < np.mean([np.median(pitches) < 48 for pitches in other]) < 0.4


def test_a_low_octave_stays_an_octave(monkeypatch):
    monkeypatch.setattr(composing, "_LOW_KINDS", ("octaves",))
    for seed in range(30):
        (bass,) = (part for part in compose(seed, 12.0).parts if part.role == "bass")
        pitches = [note.pitch for note in sorted(bass.notes, key=lambda note: note.start)]
        leaps = np.abs(np.diff(pitches[:8]))
        assert set(leaps[::2].tolist()) == {12}


def test_power_chords_are_pure_and_in_a_guitars_lowest_octave(monkeypatch):
    monkeypatch.setattr(composing, "_POWER_OF_GUITARS", 1.0)
    monkeypatch.setattr(composing, "_CHORD_PROGRAMS", (30,))
    monkeypatch.setattr(composing, "_SOLO_SHARE", 0.0)
    monkeypatch.setattr(_Composer, "_riff", lambda composer: Part("other", 0, ()))
    chords = set()
    for seed in range(60):
        for part in compose(seed, 12.0).parts:
            if part.program == 30:
                assert all(40 <= note.pitch <= 63 for note in part.notes)
                struck = {note.seconds: set() for note in part.notes}  # together: as long
                for note in part.notes:
                    struck[note.seconds].add(note.pitch)
                chords |= {
                    tuple(sorted(p - min(chord) for p in chord)) for chord in struck.values()
                }
    assert {(0, 7, 12), (0, 12)} <= chords


def test_riffs_reach_as_low_as_their_instrument(monkeypatch):
    monkeypatch.setattr(composing, "_CHORD_PROGRAMS", (0,))
    for program, least, most in ((30, 0.1, 0.4), (73, 0.0, 0.04)):
        monkeypatch.setattr(composing, "_LEAD_PROGRAMS", (program,))
        riffs = parts_of("other", programs=(program,))
        assert min(map(min, riffs)) >= 40
        assert least <= np.mean([np.median(pitches) < 49 for pitches in riffs]) <= most


def test_in_some_songs_an_instrument_plays_what_could_be_sung(monkeypatch):
    plain = [compose(seed, 12.0) for seed in range(80)]
    monkeypatch.setattr(composing, "_SOLO_SHARE", 0.0)
    without = [compose(seed, 12.0) for seed in range(80)]
    assert np.mean([len(a.parts) > len(b.parts) for a, b in zip(plain, without, strict=True)]) > 0.2
    monkeypatch.setattr(composing, "_SOLO_SHARE", 1.0)
    solos = [compose(seed, 12.0).parts[len(score.parts) :] for seed, score in enumerate(without)]
    assert sum(map(len, solos)) > 60
    for (solo,) in filter(None, solos):
        ends = [note.start + note.seconds for note in solo.notes]
        assert all(b.start >= end - 1e-9 for end, b in zip(ends, solo.notes[1:], strict=False))
        assert len({note.velocity for note in solo.notes}) > 1 or len(solo.notes) < 3
    assert any(solo.bends for (solo,) in filter(None, solos))


def test_keyboards_never_bend():
    parts = [part for seed in range(120) for part in compose(seed, 12.0).parts]
    keyboards = [part for part in parts if part.program < 22 and part.role == "other"]
    assert min(min(n.pitch for n in part.notes) for part in keyboards if part.notes) < 40
    assert not any(part.bends for part in keyboards)


def test_some_songs_have_percussion_beside_the_drums():
    scores = [compose(seed, 12.0) for seed in range(150)]
    played = [part for score in scores for part in score.parts if part.is_percussion]
    assert 0.25 < len(played) / len(scores) < 0.55
    assert all(part.notes for score in scores for part in score.parts)
    assert not Part("drums", 0, ()).is_percussion
    keys = {note.pitch for part in played for note in part.notes}
    assert {54, 70, 82, 60, 63, 56} <= keys
    kits = [p for s in scores for p in s.parts if p.role == "drums" and not p.is_percussion]
    assert not keys & {note.pitch for part in kits for note in part.notes}


def test_another_take_has_the_same_notes_at_almost_the_same_times():
    part = Part("other", 30, tuple(Note(0.5 * i, 0.25, 40 + i, 100) for i in range(8)))
    again = another_take(part, np.random.default_rng(0))
    assert [note.pitch for note in again.notes] == [note.pitch for note in part.notes]
    late = [b.start - a.start for a, b in zip(part.notes, again.notes, strict=True)]
    assert 0.003 < np.std(late) < 0.03
    ended = replace(part, notes=part.notes[::-1])  # as a MIDI file of overlapping notes is read
    assert another_take(ended, np.random.default_rng(0)) == again
    bent = replace(part, bends=tuple(Bend(note.start + 0.01, 1.0) for note in part.notes))
    moved = another_take(bent, np.random.default_rng(0))
    assert moved.notes == again.notes
    assert [bend.start - 0.01 for bend in moved.bends] == [
        pytest.approx(note.start, abs=0.011) for note in moved.notes
    ]
    assert all(note.start >= 0 for note in again.notes)


def test_songs_that_are_composed_have_every_tonic(monkeypatch):
    """A studio draws whether it composes from the same seed."""
    monkeypatch.setattr(_Composer, "score", lambda composer, _: composer.tonic)
    composed = (s for s in range(400) if np.random.default_rng(s).random() >= _FROM_MIDI)
    counts = np.bincount([compose(seed, 4.0) for seed in composed], minlength=12)
    assert counts.min() > 0.4 * counts.mean()


def test_a_melody_is_sung_one_syllable_at_a_time_in_key():
    score = compose(5, 40.0)
    notes = melody(score, np.random.default_rng(0), centre=60)
    assert len(notes) > 20
    assert {note.pitch % 12 for note in notes} <= score.scale
    ends = [note.start + note.seconds for note in notes]
    assert all(b.start >= end - 1e-9 for end, b in zip(ends, notes[1:], strict=False))
    above = harmony(notes, score, steps=2)
    assert all(3 <= b.pitch - a.pitch <= 4 for a, b in zip(notes, above, strict=True))


def test_a_choir_keeps_to_the_chords_and_to_one_rhythm():
    score = compose(5, 40.0)
    lines = choir(score, np.random.default_rng(1), centre=60, voices=4)
    assert len(lines) == 4
    starts = np.array([start for start, _ in score.bars])
    for line in lines:
        assert [note.start for note in line] == [note.start for note in lines[0]]
        for note in line:
            _, chord = score.bars[np.searchsorted(starts, note.start + 1e-6) - 1]
            assert note.pitch % 12 in chord
    sung = {round(note.start, 3) for note in lines[0]} & set(np.round(starts, 3))
    assert 0 < len(sung) < len(starts), "some bars rest"
    strokes = {round(4 * n.start / score.bars[1][0], 3) % 1 for n in lines[0]}
    assert strokes == {0.0}, "on the beats, in the last bar too"
    assert all(n.start + n.seconds <= score.seconds for n in lines[0])
    heights = np.array([[note.pitch for note in line] for line in lines])
    assert (np.diff(heights, axis=0) >= 0).all()


def test_a_part_survives_a_midi_file(tmp_path):
    notes = tuple(Note(0.5 * i, 0.25, 40 + i, 100) for i in range(8))
    write_part(tmp_path / "bass.mid", Part("bass", 33, notes))
    score = read_score(tmp_path / "bass.mid", 1.0, 2.0)
    (part,) = score.parts
    assert (part.role, part.program, score.beat_seconds) == ("bass", 33, 0.5)
    assert [(n.start, n.pitch) for n in part.notes] == [
        (pytest.approx(0.5 * i, abs=2e-3), 42 + i) for i in range(4)
    ]
    assert score.bars[0][1] <= {42 % 12, 43 % 12, 44 % 12, 45 % 12}


def test_a_note_ends_where_the_next_of_its_pitch_begins(tmp_path):
    notes = (Note(0.5, 1.0, 60, 90), Note(0.0, 0.51, 60, 90), Note(0.0, 2.0, 64, 90))
    write_part(tmp_path / "again.mid", Part("other", 30, notes))
    (part,) = read_score(tmp_path / "again.mid", 0.0, 3.0).parts
    assert sorted((n.pitch, n.start, n.seconds) for n in part.notes) == [
        (60, 0.0, pytest.approx(0.5, abs=2e-3)),
        (60, pytest.approx(0.5, abs=2e-3), pytest.approx(1.0, abs=2e-3)),
        (64, 0.0, pytest.approx(2.0, abs=2e-3)),
    ]


def test_gestures_bend_notes_and_rest_between_them():
    notes = tuple(Note(2.0 * i, 1.5, 60, 90) for i in range(20))
    bends = gestures(notes, np.random.default_rng(1), slide_share=1.0, vibrato_share=1.0)
    part = Part("other", 30, notes, bends)
    assert all(abs(bend.semitones) <= 2 for bend in bends)
    starts = part.bend_at(np.array([note.start + 1e-3 for note in notes]))
    assert all(abs(semitones) >= 0.4 for semitones in starts), "every note begins elsewhere"
    held = part.bend_at(np.arange(1.0, 1.4, 1e-3))
    assert 0.05 < held.max() < 0.6
    assert -0.6 < held.min() < -0.05
    none = gestures(notes, np.random.default_rng(1), slide_share=0.0, vibrato_share=0.0)
    assert none == gestures((), np.random.default_rng(1), slide_share=1.0, vibrato_share=1.0) == ()


def test_bends_survive_a_midi_file(tmp_path):
    bends = (Bend(0.1, -2.0), Bend(0.6, 0.5), Bend(1.2, 0.0))
    part = Part("other", 30, (Note(0.0, 3.0, 60, 90), Note(1.0, 0.5, 60, 90)), bends)
    write_part(tmp_path / "lead.mid", part)
    (whole,) = read_score(tmp_path / "lead.mid", 0.0, 3.0).parts
    assert [(b.start, b.semitones) for b in whole.bends] == [
        (pytest.approx(b.start, abs=2e-3), pytest.approx(b.semitones, abs=1e-3)) for b in bends
    ]
    (late,) = read_score(tmp_path / "lead.mid", 0.9, 1.0).parts
    assert [(b.start, b.semitones) for b in late.bends] == [
        (0.0, pytest.approx(0.5, abs=1e-3)), (pytest.approx(0.3, abs=2e-3), 0.0),
    ]  # fmt: skip


def test_a_wheel_of_another_reach_is_read_as_such(tmp_path):
    messages = [
        mido.Message("control_change", control=control, value=value)
        for control, value in ((101, 0), (100, 0), (6, 12))
    ]
    messages += [
        mido.Message("pitchwheel", pitch=683),
        mido.Message("note_on", note=60, velocity=90),
        mido.Message("pitchwheel", pitch=8000, time=100),
        mido.Message("note_off", note=60, time=500),
    ]
    mido.MidiFile(tracks=[mido.MidiTrack(messages)]).save(tmp_path / "wide.mid")
    (part,) = read_score(tmp_path / "wide.mid", 0.0, 3.0).parts
    assert [b.semitones for b in part.bends] == [pytest.approx(1.0, abs=0.01), 2.0]


@pytest.mark.parametrize("is_fm", [True, False])
def test_synthesis_follows_the_bends(is_fm):
    for player in (Bass(RATE, 10.0, 0.1, 1.0), Keys(RATE, is_fm, 0.0, 6000.0, 1.0, 0.2)):
        still, bent = (player.note(p, RATE) for p in (62.0, 60.0 + np.full(RATE, 2.0)))
        correlation = np.corrcoef(still, bent)[0, 1]
        assert correlation > 0.99
        rising = player.note(60 + np.linspace(0, 2, RATE), RATE)
        assert abs(np.corrcoef(still, rising)[0, 1]) < 0.5


@pytest.mark.parametrize("wave", ["sine", "square", "saws", "fm"])
def test_a_synthesiser_s_bass_is_in_tune_and_its_filter_closes(wave):
    bass = SynthBass(RATE, wave, 5.0, 3.0, 8.0, 0.1, 12.0 if wave == "sine" else 0.0, 0.0, 1.5)
    for pitch in (33.0, 33.0 + np.zeros(2 * RATE)):
        note = bass.note(pitch, 2 * RATE)
        assert np.isfinite(note).all()
        spectrum = np.abs(np.fft.rfft(note[RATE // 2 :]))
        hertz = np.fft.rfftfreq(len(note[RATE // 2 :]), 1 / RATE)
        assert hertz[spectrum.argmax()] / 55 in (
            pytest.approx(1, abs=0.02),
            pytest.approx(2, abs=0.02),
        )
        steep = np.abs(np.diff(note))
        if wave in ("square", "saws"):
            assert steep[2000:5000].max() > 1.2 * steep[-9000:-3000].max()


def test_synthesised_basses_are_of_every_kind():
    drawn = [SynthBass.random(np.random.default_rng(seed), RATE) for seed in range(40)]
    assert {bass.wave for bass in drawn} == {"sine", "square", "saws", "fm"}
    for bass in drawn:
        note = bass.note(40.0, 9000)
        assert 0.05 < np.abs(note).max() <= 1.0


def test_voices_of_a_midi_song_are_left_out_and_a_bad_file_is_named(tmp_path):
    choir = Part("other", 52, (Note(0.0, 1.0, 60, 90),))
    write_part(tmp_path / "choir.mid", choir)
    assert read_score(tmp_path / "choir.mid", 0.0, 2.0) is None
    (tmp_path / "bad.mid").write_bytes(b"MThd, or so it says")
    with pytest.raises(InvalidOption, match=r"bad\.mid"):
        read_score(tmp_path / "bad.mid", 0.0, 2.0)
