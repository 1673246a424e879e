"""Studio effects on float audio [samples, 2] at 44.1 kHz; each a pure function.

Equaliser sections are those of the "Audio EQ Cookbook" (Bristow-Johnson). Rooms are made, not
recorded: a few early reflections and noise that decays faster the higher it is.
"""

import io
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d
from scipy.signal import fftconvolve, sosfilt

from lasaft_core.training.augmentation import peaking_filter, placed, saturated
from lasaft_core.training.building.score import RATE

Audio = NDArray[np.float32]
Section = tuple[float, ...]
_BLOCK: Final = 64  # samples a step of a compressor's level detector
_LEVEL_SECONDS: Final = 0.5
_TINY: Final = 1e-10  # of power
_CODEC_BLOCK: Final = 1 << 16
_SWEEP_BLOCK: Final = 128  # samples for which a moving filter stands still
_DUCKING_ATTACK: Final = 0.005  # seconds
_CHOPS: Final = 4  # different pieces at most
_CHOP_STEPS: Final = (1, 2, 4)  # that a piece sounds at most
_CHOP_FADE: Final = 132  # samples, 3 ms
_OCTAVES: Final = (0, 0, 1, -1)


def audibility(part: Audio, whole: Audio, *, least_db: float) -> Audio:
    """[samples], 1 where the part is louder than `least_db` against the whole, else 0, with soft
    edges: what lies below is no source but what a network leaves of others."""
    length = round(_LEVEL_SECONDS * RATE)
    levels = [uniform_filter1d((audio**2).sum(axis=1), length) for audio in (part, whole)]
    is_audible = levels[0] > 10 ** (least_db / 10) * (levels[1] + _TINY)
    return np.asarray(uniform_filter1d(is_audible.astype(np.float32), length // 4), np.float32)


def peaking(hertz: float, gain_db: float, q: float) -> Section:
    """A bell."""
    return tuple(peaking_filter(hertz / RATE, gain_db=gain_db, quality=q))


def shelf(hertz: float, gain_db: float, *, high: bool) -> Section:
    """A shelf of slope one, above (`high`) or below `hertz`."""
    a, angle = 10 ** (gain_db / 40), 2 * np.pi * hertz / RATE
    sign, cosine = (1 if high else -1), np.cos(angle)
    width = np.sin(angle) * np.sqrt(2 * a)  # 2 sqrt(A) alpha
    up, down = a + 1, (a - 1) * sign
    return _section(
        (
            a * (up + down * cosine + width),
            -2 * a * (sign * (a - 1) + up * cosine),
            a * (up + down * cosine - width),
        ),
        (
            up - down * cosine + width,
            2 * (sign * (a - 1) - up * cosine),
            up - down * cosine - width,
        ),
    )


def high_pass(hertz: float) -> Section:
    """Second order, Butterworth."""
    angle = 2 * np.pi * hertz / RATE
    alpha, cosine = np.sin(angle) / np.sqrt(2), np.cos(angle)
    half = (1 + cosine) / 2
    return _section((half, -2 * half, half), (1 + alpha, -2 * cosine, 1 - alpha))


def low_pass(hertz: float) -> Section:
    """Second order, Butterworth."""
    angle = 2 * np.pi * hertz / RATE
    alpha, cosine = np.sin(angle) / np.sqrt(2), np.cos(angle)
    half = (1 - cosine) / 2
    return _section((half, 2 * half, half), (1 + alpha, -2 * cosine, 1 - alpha))


def _section(b: tuple[float, ...], a: tuple[float, ...]) -> Section:
    return tuple(value / a[0] for value in (*b, *a))


def equalised(audio: Audio, *sections: Section) -> Audio:
    """Through all sections in turn."""
    return sosfilt(np.array(sections), audio, axis=0).astype(np.float32) if sections else audio


def random_equaliser(rng: np.random.Generator, gain_db: float) -> tuple[Section, ...]:
    """Two shelves and two bells of a normal deviation of `gain_db`."""
    bells = [
        peaking(float(np.exp(rng.uniform(np.log(120), np.log(9000)))), rng.normal(0, gain_db), q)
        for q in rng.uniform(0.5, 2.5, 2)
    ]
    low = shelf(rng.uniform(80, 250), rng.normal(0, gain_db), high=False)
    return (low, *bells, shelf(rng.uniform(3000, 9000), rng.normal(0, gain_db), high=True))


def compression(
    audio: Audio, *, over_db: float, ratio: float, release_seconds: float = 0.15
) -> Audio:
    """A compressor's gain [samples, 1]; its threshold lies `over_db` above the RMS level."""
    blocks = -(-len(audio) // _BLOCK)
    padded = np.zeros((blocks * _BLOCK, 2))
    padded[: len(audio)] = audio
    power = (padded**2).mean(axis=1).reshape(blocks, _BLOCK).mean(axis=1)
    threshold = 10 * np.log10(power.mean() + _TINY) + over_db
    wanted = np.minimum(0.0, (threshold - 10 * np.log10(power + _TINY)) * (1 - 1 / ratio))
    attack = np.exp(-_BLOCK / (0.008 * RATE))
    release = np.exp(-_BLOCK / (release_seconds * RATE))
    gain_db, now = np.empty(blocks), 0.0
    for i, goal in enumerate(wanted):
        pace = attack if goal < now else release
        now = goal + pace * (now - goal)
        gain_db[i] = now
    centres = (np.arange(blocks) + 0.5) * _BLOCK
    smooth = np.interp(np.arange(len(audio)), centres, gain_db)
    return (10 ** (smooth / 20))[:, None].astype(np.float32)


def amplified(audio: Audio, rng: np.random.Generator) -> Audio:
    """A distorting guitar amplifier and its loudspeaker."""
    loud = saturated(equalised(audio, high_pass(120), peaking(900, 6, 0.6)), rng.uniform(15, 80))
    cabinet = (
        high_pass(90),
        peaking(2500, rng.uniform(2, 8), 0.8),
        low_pass(rng.uniform(3800, 6000)),
    )
    return equalised(loud, *cabinet, low_pass(6500))


def panned(audio: Audio, position: float) -> Audio:
    """From -1, left, to 1, right, at constant power."""
    return placed(audio.T, position).T


def chorused(audio: Audio, rng: np.random.Generator) -> Audio:
    """A slowly moving copy on each side."""
    time = np.arange(len(audio))
    sides = []
    for channel in range(2):
        sweep = np.sin(2 * np.pi * rng.uniform(0.2, 1.2) * time / RATE + rng.uniform(0, 6.3))
        late = time - RATE * (0.012 + 0.003 * sweep)
        moved = np.interp(late, time, audio[:, channel], left=0.0)
        sides.append(0.75 * audio[:, channel] + 0.6 * moved)
    return np.stack(sides, axis=1).astype(np.float32)


def tremolo(audio: Audio, rng: np.random.Generator) -> Audio:
    """A slowly swaying loudness, together or from side to side."""
    turns = rng.uniform(0.5, 8) * np.arange(len(audio)) / RATE + rng.random()
    depth, apart = rng.uniform(0.3, 0.9), 0.5 * int(rng.random() < 0.5)
    sides = [np.sin(2 * np.pi * (turns + shift)) for shift in (0, apart)]
    return (audio * (1 - depth * (0.5 + 0.5 * np.stack(sides, axis=1)))).astype(np.float32)


def swept(audio: Audio, rng: np.random.Generator) -> Audio:
    """A resonance that moves up and down: a wah pedal, a synthesiser's filter."""
    turns = rng.uniform(0.1, 3) * np.arange(len(audio)) / RATE + rng.random()
    low, high = rng.uniform(200, 600), rng.uniform(1200, 4000)
    centres = low * (high / low) ** (0.5 + 0.5 * np.sin(2 * np.pi * turns))
    quality, dry = rng.uniform(1, 6), rng.uniform(0.2, 0.6)
    return (dry * audio + following(audio, centres, quality)).astype(np.float32)


def following(audio: Audio, centres: NDArray[np.float64], quality: float) -> Audio:
    """Through a band-pass whose middle follows `centres`, one a sample, in Hz, block by block."""
    out, state = np.empty_like(audio), np.zeros((1, 2, 2))
    for start in range(0, len(audio), _SWEEP_BLOCK):
        part, section = slice(start, start + _SWEEP_BLOCK), _band_pass(centres[start], quality)
        out[part], state = sosfilt([section], audio[part], axis=0, zi=state)
    return out


def _band_pass(hertz: float, quality: float) -> Section:
    """0 dB in its middle."""
    angle = 2 * np.pi * hertz / RATE
    alpha = np.sin(angle) / (2 * quality)
    return _section((alpha, 0.0, -alpha), (1 + alpha, -2 * np.cos(angle), 1 - alpha))


def ducking(
    starts: Sequence[float], num_samples: int, *, depth: float, release_seconds: float
) -> Audio:
    """A gain [num_samples, 1] that falls to 1 - `depth` at each of the times, in seconds, and
    comes back: what a kick does to all else where it drives a compressor."""
    hits, now = np.array([-np.inf, *sorted(starts)]), np.arange(num_samples) / RATE
    since = now - hits[np.searchsorted(hits, now, side="right") - 1]
    gain = 1 - depth * np.exp(-since / release_seconds)
    return uniform_filter1d(gain, round(_DUCKING_ATTACK * RATE))[:, None].astype(np.float32)


def chopped(
    audio: Audio, starts: Sequence[float], step_seconds: float, rng: np.random.Generator
) -> Audio:
    """Pieces from some of `starts` (seconds), struck again and again in a pattern of sixteen steps,
    at times an octave away: what a sampler makes of a voice."""
    step = round(step_seconds * RATE)
    begins = rng.choice(starts, size=min(_CHOPS, len(starts)), replace=False)
    pattern = rng.integers(-len(begins), len(begins), 16)  # below 0: a rest
    pattern[0] = 0
    speed = 2.0 ** int(rng.choice(_OCTAVES))
    longest = step * int(rng.choice(_CHOP_STEPS))
    firsts = [round(begin * RATE) for begin in begins]
    pieces = [
        soxr.resample(audio[first : first + round(speed * longest)], speed * RATE, RATE)
        for first in firsts
    ]
    struck = [n for n in range(-(-len(audio) // step)) if pattern[n % len(pattern)] >= 0]
    chops = np.zeros_like(audio)
    for number, after in pairwise([*struck, -(-len(audio) // step)]):
        start, end = number * step, min(after * step, len(audio))
        piece = pieces[pattern[number % len(pattern)]][: end - start]
        ramp = np.minimum(1.0, np.arange(len(piece)) / _CHOP_FADE)
        chops[start : start + len(piece)] = piece * np.minimum(ramp, ramp[::-1])[:, None]
    return chops


def echoed(audio: Audio, *, seconds: float, feedback: float, gain: float) -> Audio:
    """Repeats that change sides and lose their treble."""
    out, repeat = audio.copy(), equalised(audio, low_pass(4500), high_pass(200))
    delay = max(1, int(seconds * RATE))
    for count in range(1, 6):
        if count * delay >= len(audio):
            break
        sides = repeat[:, ::-1] if count % 2 else repeat
        out[count * delay :] += gain * feedback ** (count - 1) * sides[: -count * delay]
    return out


def reverberated(audio: Audio, rng: np.random.Generator, *, seconds: float, gain: float) -> Audio:
    """In a room of `seconds` reverberation time at 1 kHz, `gain` times as loud as the dry sound."""
    room = _room(rng, seconds)
    wet = np.stack(
        [fftconvolve(audio.mean(axis=1), room[:, side])[: len(audio)] for side in range(2)], axis=1
    )
    return (audio + gain * wet).astype(np.float32)


def _room(rng: np.random.Generator, seconds: float) -> NDArray[np.float64]:
    """An impulse response [samples, 2] of unit energy a side."""
    samples = int(min(seconds * 1.1, 3.5) * RATE)
    time = np.arange(samples)[:, None] / RATE
    room = np.zeros((samples, 2))
    bands: list[tuple[tuple[Section, ...], float]] = [
        ((low_pass(500),), 1.15),
        ((high_pass(500), low_pass(4000)), 1.0),
        ((high_pass(4000),), 0.5),
    ]
    for sections, share in bands:
        noise = rng.standard_normal((samples, 2)) * 10 ** (-3 * time / (seconds * share))
        room += sosfilt(np.array(sections), noise, axis=0)
    early = rng.integers(200, 2500, 8) % samples
    room[early, rng.integers(0, 2, 8)] += rng.uniform(3, 9, 8) * rng.choice([-1, 1], 8)
    room = np.pad(room, ((int(rng.uniform(0, 0.04) * RATE), 0), (0, 0)))
    return np.asarray(room / np.sqrt((room**2).sum(axis=0)), np.float64)


def coded(audio: Audio, quality: float) -> Audio:
    """Through Ogg Vorbis and back, sample for sample in place; `quality` from 0 to 1."""
    file = io.BytesIO()
    options: dict[str, Any] = {"format": "OGG", "subtype": "VORBIS"}
    with soundfile.SoundFile(
        file, "w", RATE, 2, compression_level=1.0 - quality, **options
    ) as writer:
        for start in range(0, len(audio), _CODEC_BLOCK):  # all at once overflows libsndfile's stack
            writer.write(audio[start : start + _CODEC_BLOCK])
    file.seek(0)
    return soundfile.read(file, frames=len(audio), dtype="float32", always_2d=True)[0]
