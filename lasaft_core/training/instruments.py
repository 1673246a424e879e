"""Synthetic instruments: one note or hit each, mono float32 [samples].

Plain subtractive synthesis: oscillators, noise, envelopes and two-pole filters. What notes are
played is `music.py`'s matter.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, lfilter, sosfilt

Audio = NDArray[np.float32]
Curve = NDArray[np.float64]  # a value for each sample

# Centre frequencies of the first four formants, in Hz, for five sung vowels (Peterson and
# Barney 1952, rounded; the fourth formant is a singer's).
VOWELS = {
    "a": (730, 1090, 2440, 3400),
    "e": (530, 1840, 2480, 3500),
    "i": (280, 2250, 2890, 3600),
    "o": (570, 840, 2410, 3300),
    "u": (310, 870, 2240, 3200),
}


def hertz(midi_note: float | NDArray[np.float64]) -> float | NDArray[np.float64]:
    """Equal temperament, A4 = note 69 = 440 Hz."""
    return 440.0 * 2.0 ** ((midi_note - 69.0) / 12.0)


def envelope(samples: int, *, attack: int, release: int, decay: float = 0.0) -> NDArray[np.float64]:
    """Linear attack and release in samples, exponential decay in time constants over the note."""
    time = np.arange(samples)
    rise = np.minimum(1.0, time / max(attack, 1))
    fall = np.minimum(1.0, (samples - time) / max(release, 1))
    return rise * fall * np.exp(-decay * time / max(samples, 1))


def filtered(
    x: NDArray[np.float64], rate: int, kind: str, cutoff_hz: float | Sequence[float]
) -> NDArray[np.float64]:
    """A second-order Butterworth filter; cut-offs are kept below the Nyquist frequency."""
    cutoff = np.clip(cutoff_hz, 10.0, 0.45 * rate)
    return sosfilt(butter(2, cutoff, kind, fs=rate, output="sos"), x)


def sawtooth(
    frequency_hz: NDArray[np.float64] | float, samples: int, rate: int
) -> NDArray[np.float64]:
    """A sawtooth of constant or changing pitch, its step rounded off (poly-BLEP)."""
    step = np.broadcast_to(np.asarray(frequency_hz, np.float64) / rate, (samples,))
    phase = np.cumsum(step) % 1.0
    wave = 2.0 * phase - 1.0
    early, late = phase < step, phase > 1.0 - step
    a = phase[early] / step[early]
    b = (phase[late] - 1.0) / step[late]
    wave[early] -= a + a - a * a - 1.0
    wave[late] -= b * b + b + b + 1.0
    return wave


def _three_saws(frequency_hz: float | Curve, samples: int, rate: int, cents: float) -> Curve:
    """The sum of one in tune, one `cents` below and one as much above."""
    spread = 2.0 ** (cents / 1200.0)
    saws = [sawtooth(frequency_hz * d, samples, rate) for d in (1 / spread, 1.0, spread)]
    return np.asarray(np.sum(saws, axis=0))


def _phase(frequency_hz: float | Curve, samples: int, rate: int) -> Curve:
    """Radians, of constant or changing pitch."""
    if isinstance(frequency_hz, np.ndarray):
        return 2 * np.pi * np.cumsum(frequency_hz) / rate
    return 2 * np.pi * frequency_hz * np.arange(samples) / rate


@dataclass(frozen=True, slots=True)
class DrumKit:
    """One kit's tuning; hits decay within half a second."""

    rate: int
    kick_hz: float
    snare_hz: float
    hat_hz: float
    snare_decay: float

    @classmethod
    def random(cls, rng: np.random.Generator, rate: int) -> "DrumKit":
        """A kit drawn from plausible tunings."""
        return cls(
            rate=rate,
            kick_hz=rng.uniform(42, 65),
            snare_hz=rng.uniform(160, 260),
            hat_hz=rng.uniform(5000, 9000),
            snare_decay=rng.uniform(12, 30),
        )

    def kick(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """A sine that falls in pitch, with a click."""
        time = np.arange(int(0.4 * self.rate)) / self.rate
        pitch = self.kick_hz * (1 + 3.5 * np.exp(-time * 45))
        body = np.sin(2 * np.pi * np.cumsum(pitch) / self.rate) * np.exp(-time * 9)
        click = rng.standard_normal(time.size) * np.exp(-time * 400) * 0.4
        return 0.9 * np.tanh(1.5 * (body + click))

    def snare(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """Band-passed noise over two drum-head modes."""
        time = np.arange(int(0.35 * self.rate)) / self.rate
        noise = filtered(rng.standard_normal(time.size), self.rate, "bandpass", (1200, 8000))
        head = np.sin(2 * np.pi * self.snare_hz * time)
        head += 0.6 * np.sin(2 * np.pi * 1.72 * self.snare_hz * time)
        return 0.7 * noise * np.exp(-time * self.snare_decay) + 0.4 * head * np.exp(-time * 28)

    def hat(self, rng: np.random.Generator, *, is_open: bool = False) -> NDArray[np.float64]:
        """High-passed noise, short when closed."""
        time = np.arange(int((0.45 if is_open else 0.12) * self.rate)) / self.rate
        noise = filtered(rng.standard_normal(time.size), self.rate, "highpass", self.hat_hz)
        return 0.35 * noise * np.exp(-time * (9 if is_open else 55))


@dataclass(frozen=True, slots=True)
class Bass:
    """A low-passed sawtooth or sine with some drive."""

    rate: int
    brightness: float
    saw_share: float
    drive: float

    @classmethod
    def random(cls, rng: np.random.Generator, rate: int) -> "Bass":
        """From a dull sine to a growling saw."""
        return cls(rate, rng.uniform(3, 14), rng.uniform(0.1, 1.0), rng.uniform(1.0, 3.0))

    def note(self, midi_note: float | Curve, samples: int) -> NDArray[np.float64]:
        """One plucked note, of one pitch or of a pitch for each sample."""
        pitch = hertz(midi_note)
        saw = sawtooth(pitch, samples, self.rate)
        sine = np.sin(_phase(pitch, samples, self.rate))
        wave = self.saw_share * saw + (1.2 - self.saw_share) * sine
        tone = filtered(wave, self.rate, "lowpass", float(np.mean(pitch)) * self.brightness)
        shape = envelope(samples, attack=self.rate // 200, release=self.rate // 30, decay=1.2)
        return np.tanh(self.drive * tone * shape) / self.drive**0.5


@dataclass(frozen=True, slots=True)
class SynthBass:
    """A synthesiser's bass: a sine, soft square, detuned saws or FM through a filter that closes.

    `brightness`, `opening`: the closed filter's edge in multiples of the pitch, and of that edge as
    the note begins; `drop_semitones`: how far above its pitch a note begins, as an 808's.
    """

    rate: int
    wave: str
    detune_cents: float
    brightness: float
    opening: float
    closing_seconds: float
    drop_semitones: float
    decay: float
    drive: float

    @classmethod
    def random(cls, rng: np.random.Generator, rate: int) -> "SynthBass":
        """From a booming sine to a snarling reese."""
        wave = str(rng.choice(["sine", "square", "saws", "saws", "fm"]))
        return cls(
            rate=rate,
            wave=wave,
            detune_cents=rng.uniform(3, 30),
            brightness=rng.uniform(2, 8),
            opening=rng.uniform(1, 10),
            closing_seconds=rng.uniform(0.03, 0.5),
            drop_semitones=rng.uniform(6, 24) if wave == "sine" else 0.0,
            decay=rng.uniform(0, 3),
            drive=rng.uniform(1, 4),
        )

    def note(self, midi_note: float | Curve, samples: int) -> NDArray[np.float64]:
        """One note, of one pitch or of a pitch for each sample."""
        time = np.arange(samples) / self.rate
        pitch = hertz(midi_note + self.drop_semitones * np.exp(-time / 0.02))
        shape = envelope(
            samples, attack=self.rate // 300, release=self.rate // 40, decay=self.decay
        )
        wave = self._wave(np.asarray(pitch), shape)
        edge = float(np.mean(pitch)) * self.brightness
        closed, opened = (
            filtered(wave, self.rate, "lowpass", hz) for hz in (edge, edge * self.opening)
        )
        tone = closed + (opened - closed) * np.exp(-time / self.closing_seconds)
        return np.tanh(self.drive * tone * shape) / self.drive**0.5

    def _wave(self, pitch: Curve, shape: Curve) -> NDArray[np.float64]:
        if self.wave == "saws":
            return _three_saws(pitch, len(pitch), self.rate, self.detune_cents) / 3
        phase = _phase(pitch, len(pitch), self.rate)
        if self.wave == "fm":
            return np.sin(phase + 2.0 * shape * np.sin(phase))
        return np.tanh(6.0 * np.sin(phase)) if self.wave == "square" else np.sin(phase)


@dataclass(frozen=True, slots=True)
class Keys:
    """Chords and arpeggios: detuned saws (pads, strings) or FM (electric piano, bells)."""

    rate: int
    is_fm: bool
    detune_cents: float
    brightness_hz: float
    ratio: float
    decay: float

    @classmethod
    def random(cls, rng: np.random.Generator, rate: int) -> "Keys":
        """A pad, organ, electric piano or bell."""
        return cls(
            rate=rate,
            is_fm=bool(rng.random() < 0.5),
            detune_cents=rng.uniform(2, 16),
            brightness_hz=rng.uniform(900, 6000),
            ratio=float(rng.choice([1.0, 2.0, 3.0, 7.0])),
            decay=rng.uniform(0.2, 4.0),
        )

    def note(self, midi_note: float | Curve, samples: int) -> NDArray[np.float64]:
        """One note of a chord, of one pitch or of a pitch for each sample."""
        pitch = hertz(midi_note)
        shape = envelope(samples, attack=self.rate // 80, release=self.rate // 12, decay=self.decay)
        if self.is_fm:
            phase = _phase(pitch, samples, self.rate)
            index = 2.0 * shape * np.minimum(1.0, 2000.0 / (pitch * self.ratio))
            modulator = index * np.sin(self.ratio * phase)
            return 0.6 * np.sin(phase + modulator) * shape
        saws = _three_saws(pitch, samples, self.rate, self.detune_cents)
        return 0.3 * filtered(saws, self.rate, "lowpass", self.brightness_hz) * shape


@dataclass(frozen=True, slots=True)
class Voice:
    """A singing voice: glottal pulses and breath through the formants of vowels."""

    rate: int
    formant_scale: float
    vibrato_hz: float
    vibrato_cents: float
    breath: float

    @classmethod
    def random(cls, rng: np.random.Generator, rate: int) -> "Voice":
        """From a large to a small vocal tract."""
        return cls(
            rate=rate,
            formant_scale=rng.uniform(0.88, 1.22),
            vibrato_hz=rng.uniform(4.5, 6.5),
            vibrato_cents=rng.uniform(10, 60),
            breath=rng.uniform(0.02, 0.12),
        )

    def note(
        self, midi_notes: tuple[float, float], samples: int, vowel: str, rng: np.random.Generator
    ) -> NDArray[np.float64]:
        """One syllable that glides from the first note to the second."""
        time = np.arange(samples) / self.rate
        glide = np.clip(time / 0.07, 0.0, 1.0)
        swell = np.clip(time / 0.35, 0.0, 1.0)
        cents = self.vibrato_cents * swell * np.sin(2 * np.pi * self.vibrato_hz * time)
        jitter = filtered(rng.standard_normal(samples), self.rate, "lowpass", 8.0) * 20
        note = midi_notes[0] + glide * (midi_notes[1] - midi_notes[0]) + (cents + jitter) / 100
        pulses = filtered(
            sawtooth(np.asarray(hertz(note)), samples, self.rate), self.rate, "lowpass", 2500
        )
        source = pulses + self.breath * rng.standard_normal(samples)
        sung = self._formants(source, vowel)
        shape = envelope(samples, attack=self.rate // 30, release=self.rate // 14)
        return sung * shape + self._consonant(samples, rng)

    def _formants(self, source: NDArray[np.float64], vowel: str) -> NDArray[np.float64]:
        out = np.zeros_like(source)
        for i, centre in enumerate(VOWELS[vowel]):
            frequency = min(centre * self.formant_scale, 0.45 * self.rate)
            radius = np.exp(-np.pi * (60 + 40 * i) / self.rate)
            poles = [1.0, -2 * radius * np.cos(2 * np.pi * frequency / self.rate), radius**2]
            out += lfilter([(1 - radius) * 2], poles, source) * 0.75**i
        return out

    def _consonant(self, samples: int, rng: np.random.Generator) -> NDArray[np.float64]:
        length = min(samples, int(rng.uniform(0.02, 0.09) * self.rate))
        low = rng.uniform(1500, 6000)
        burst = filtered(rng.standard_normal(length), self.rate, "bandpass", (low, low * 2))
        out = np.zeros(samples)
        out[:length] = burst * np.hanning(length) * rng.uniform(0.0, 0.35)
        return out
