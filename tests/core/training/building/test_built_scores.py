import numpy as np
import pytest

from lasaft_core.errors import InvalidOption
from lasaft_core.training.building.composing import _Composer, compose
from lasaft_core.training.building.melodies import harmony, melody
from lasaft_core.training.building.midi_files import VOICE_PROGRAMS, read_score, write_part
from lasaft_core.training.building.score import Note, Part
from lasaft_core.training.building.songs import _FROM_MIDI


@pytest.mark.parametrize("seed", range(12))
def test_a_composed_score_keeps_to_its_key_and_length(seed):
    score = compose(seed, 20.0)
    assert score == compose(seed, 20.0)
    assert {part.role for part in score.parts} >= {"bass", "other"}
    for part in score.parts:
        assert all(0 <= note.start < 20 and 1 <= note.velocity <= 127 for note in part.notes)
        assert part.program not in VOICE_PROGRAMS
        if part.role == "other":
            assert {note.pitch % 12 for note in part.notes} <= score.scale
        if part.role == "bass":
            assert all(28 <= note.pitch <= 46 for note in part.notes)


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


def test_voices_of_a_midi_song_are_left_out_and_a_bad_file_is_named(tmp_path):
    choir = Part("other", 52, (Note(0.0, 1.0, 60, 90),))
    write_part(tmp_path / "choir.mid", choir)
    with pytest.raises(InvalidOption, match=r"choir\.mid"):
        read_score(tmp_path / "choir.mid", 0.0, 2.0)
    (tmp_path / "bad.mid").write_bytes(b"MThd, or so it says")
    with pytest.raises(InvalidOption, match=r"bad\.mid"):
        read_score(tmp_path / "bad.mid", 0.0, 2.0)
