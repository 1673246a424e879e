"""Sources of songs, made here: tones as instruments, a synthetic voice, a MIDI song."""

import json

import numpy as np
import soundfile

from lasaft_core.training.building.composing import compose
from lasaft_core.training.building.midi_files import write_part
from lasaft_core.training.instruments import Voice

RATE = 44100
TERMS = {"licence": "CC0-1.0", "attribution": "this test"}


def _instrument(folder, hertz, mapping):
    time = np.arange(RATE) / RATE
    tone = 0.5 * np.sin(2 * np.pi * hertz * time) * np.exp(-3 * time)
    folder.mkdir(parents=True)
    soundfile.write(folder / "tone.wav", np.stack((tone, tone), axis=1), RATE)
    (folder / "tone.sfz").write_text(f"<region> sample=tone.wav {mapping}\n")


def _voice(folder, seed):
    rng = np.random.default_rng(seed)
    voice = Voice.random(rng, RATE)
    notes = [(52, "a"), (55, "i"), (50, "o"), (53, "e"), (57, "u"), (52, "a")]
    sung = [voice.note((n, n), RATE // 2, vowel, rng) for n, vowel in notes]
    folder.mkdir(parents=True)
    audio = np.concatenate(sung)
    soundfile.write(folder / "sung.wav", 0.5 * audio / np.abs(audio).max(), RATE)


def write_sources(root):
    """A kit, a bass, a guitar, two voices (one held out), a MIDI song and an instrumental, with
    their terms."""
    for kind, hertz in {"kits": 180, "basses": 261.6, "guitars": 261.6}.items():
        _instrument(root / kind / f"tone-{kind}", hertz, "pitch_keycenter=60")
    _voice(root / "voices" / "alto", 1)
    _voice(root / "voices" / "held-out", 2)
    midi = root / "midi" / "songs"
    midi.mkdir(parents=True)
    part = next(part for part in compose(1, 20.0).parts if part.role == "other")
    write_part(midi / "song.mid", part)
    waltz = root / "instrumentals" / "waltzes"
    waltz.mkdir(parents=True)
    soundfile.write(waltz / "first.mp3", 0.1 * np.random.default_rng(3).normal(size=RATE), RATE)
    for folder in root.glob("*/*"):
        terms = {**TERMS, "held_out": folder.name == "held-out"}
        (folder / "source.json").write_text(json.dumps(terms))
