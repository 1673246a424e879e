"""A producer's work: every stem's chain of effects, the balance, and the bus.

The bus must leave the mixture the sum of its stems: its equaliser is linear, and its compressor's
gain, found on the sum, is laid on every stem.
"""

from collections.abc import Mapping

import numpy as np

from lasaft_core.training import augmentation
from lasaft_core.training.augmentation import saturated
from lasaft_core.training.building.effects import (
    Audio,
    amplified,
    chorused,
    coded,
    compression,
    echoed,
    equalised,
    high_pass,
    low_pass,
    panned,
    peaking,
    random_equaliser,
    reverberated,
    swept,
    tremolo,
)
from lasaft_core.training.building.score import LOWEST_STRING, RATE
from lasaft_core.training.instruments import hertz

_BALANCE_DB = {  # mean and deviation of a stem's loudness
    "vocals": (2.0, 3.0), "drums": (0.0, 3.0), "bass": (-2.0, 3.0), "other": (0.0, 3.0),
}  # fmt: skip
_CLEAN, _DISTORTED = 27, (29, 30)
_AMPLIFIED, _DOUBLED = 0.65, 0.4  # of the takes of a direct guitar
SPREAD = 0.45  # deviation of a part's place between the loudspeakers
_SWEPT, _SWAYING = 0.08, 0.08  # of the parts
_LOW_CUT = 1.2  # of the lowest note's frequency, at most


def produced_drums(audio: Audio, rng: np.random.Generator) -> Audio:
    """Equaliser, a hard compressor beside the dry signal, a room."""
    audio = equalised(audio, *random_equaliser(rng, 3.0))
    if rng.random() < 0.6:
        squeezed = audio * compression(audio, over_db=-6, ratio=8, release_seconds=0.1)
        audio = audio + rng.uniform(0.3, 1.5) * squeezed
    if rng.random() < 0.3:
        audio = saturated(audio, rng.uniform(1, 5))
    if rng.random() < 0.6:
        seconds, gain = rng.uniform(0.2, 1.4), rng.uniform(0.05, 0.4)
        audio = reverberated(audio, rng, seconds=seconds, gain=gain)
    return audio


def produced_bass(audio: Audio, rng: np.random.Generator) -> Audio:
    """Equaliser, compressor, sometimes an overdriven amplifier; in the middle."""
    audio = equalised(_mono(audio), *random_equaliser(rng, 3.0))
    audio = audio * compression(audio, over_db=-4, ratio=rng.uniform(2, 6))
    if rng.random() < 0.4:
        audio = saturated(audio, rng.uniform(2, 12))
    if rng.random() < 0.5:
        audio = equalised(audio, low_pass(rng.uniform(900, 6000)))
    if rng.random() < 0.1:
        audio = chorused(audio, rng)
    return audio


def produced_part(
    audio: Audio,
    program: int,
    beat_seconds: float,
    rng: np.random.Generator,
    *,
    lowest_hertz: float,
    spread: float,
) -> Audio:
    """One part of "other": distortion where its program asks for it, equaliser, place, space.

    `lowest_hertz`: of its lowest note, which the equaliser's low-cut leaves; `spread`: the
    deviation of its place between the loudspeakers, from -1 to 1.
    """
    if rng.random() < _SWEPT:
        audio = swept(audio, rng)
    if program in _DISTORTED:
        audio = amplified(audio, rng)
    low_cut = high_pass(rng.uniform(40, np.clip(_LOW_CUT * lowest_hertz, 40, 200)))
    audio = equalised(audio, low_cut, *random_equaliser(rng, 3.0))
    if rng.random() < _SWAYING:
        audio = tremolo(audio, rng)
    if rng.random() < 0.3:
        audio = audio * compression(audio, over_db=-3, ratio=rng.uniform(2, 5))
    if rng.random() < 0.25:
        audio = chorused(audio, rng)
    audio = panned(audio, float(np.clip(rng.normal(0, spread), -0.95, 0.95)))
    if rng.random() < 0.2:
        audio = echoed(audio, seconds=beat_seconds * 0.75, feedback=0.4, gain=rng.uniform(0.1, 0.4))
    if rng.random() < 0.6:
        seconds, gain = rng.uniform(0.3, 2.5), rng.uniform(0.05, 0.5)
        audio = reverberated(audio, rng, seconds=seconds, gain=gain)
    return audio


def produced_dry(audio: Audio, target: str, rng: np.random.Generator) -> Audio:
    """A voice, an electric guitar or a bass that was recorded alone, without room or amplifier:
    through some, a few guitars on either side through two, one of them late as a second take would
    be."""
    if target == "bass":
        return produced_bass(audio, rng)
    beat_seconds = rng.uniform(0.35, 0.8)
    if target == "vocals":
        return produced_voice(audio, beat_seconds, rng)
    program = _DISTORTED[0] if rng.random() < _AMPLIFIED else _CLEAN

    def produced(take: Audio) -> Audio:
        part = produced_part(
            take,
            program,
            beat_seconds,
            rng,
            lowest_hertz=float(hertz(LOWEST_STRING)),
            spread=SPREAD,
        )
        return at_loudness(part, -20)

    first = produced(audio)
    if rng.random() >= _DOUBLED:
        return first
    late = round(rng.uniform(0.008, 0.03) * RATE)
    again = np.pad(audio, ((late, 0), (0, 0)))[: len(audio)]
    return on_both_sides(first, produced(again), rng)


def on_both_sides(first: Audio, second: Audio, rng: np.random.Generator) -> Audio:
    """Two takes, far apart."""
    aside = rng.uniform(0.6, 1)
    return panned(_mono(first), -aside) + panned(_mono(second), aside)


def produced_voice(audio: Audio, beat_seconds: float, rng: np.random.Generator) -> Audio:
    """High-pass, presence, strong compression; a telephone or a shout now and then; echo, plate."""
    presence = peaking(rng.uniform(2500, 5500), rng.uniform(-1, 6), 0.7)
    audio = equalised(audio, high_pass(rng.uniform(70, 160)), presence, *random_equaliser(rng, 2.5))
    audio = audio * compression(audio, over_db=-5, ratio=rng.uniform(2.5, 8), release_seconds=0.1)
    if rng.random() < 0.2:
        audio = saturated(audio, rng.uniform(2, 10))
    if rng.random() < 0.04:
        audio = equalised(audio, high_pass(500), high_pass(500), low_pass(3200), low_pass(3200))
    if rng.random() < 0.35:
        gain = rng.uniform(0.08, 0.35)
        audio = echoed(
            audio, seconds=beat_seconds * rng.choice([0.5, 0.75, 1]), feedback=0.35, gain=gain
        )
    if rng.random() < 0.85:
        seconds, gain = rng.uniform(0.4, 2.8), rng.uniform(0.05, 0.45)
        audio = reverberated(audio, rng, seconds=seconds, gain=gain)
    return audio


def _mono(audio: Audio) -> Audio:
    """The same on both sides."""
    return np.repeat(audio.mean(axis=1, keepdims=True), 2, axis=1)


def balanced(stems: Mapping[str, Audio], rng: np.random.Generator) -> dict[str, Audio]:
    """All stems at loudnesses that vary from song to song; silence stays silent."""
    levelled = {}
    for target, (mean_db, deviation_db) in _BALANCE_DB.items():
        wanted = rng.normal(mean_db, deviation_db)
        levelled[target] = at_loudness(stems[target], wanted - 20)
    return levelled


def at_loudness(audio: Audio, wanted_db: float) -> Audio:
    """[samples, 2] with a gain; silence stays silent."""
    return augmentation.at_loudness(audio.T, wanted_db).T


def mastered(stems: Mapping[str, Audio], rng: np.random.Generator) -> dict[str, Audio]:
    """One equaliser and one compressor for all, sometimes a codec; the sum peaks at 0.3 to 0.99."""
    sections = random_equaliser(rng, 1.5)
    mastered = {target: equalised(audio, *sections) for target, audio in stems.items()}
    mixture = np.sum(list(mastered.values()), axis=0)
    gain = compression(mixture, over_db=rng.uniform(-6, 4), ratio=rng.uniform(1.2, 6))
    peak = np.abs(mixture * gain).max() + 1e-9
    level = rng.uniform(0.3, 0.99) / peak
    quality = rng.uniform(0.1, 0.8) if rng.random() < 0.25 else None
    final = {
        target: (audio * gain * level).astype(np.float32) for target, audio in mastered.items()
    }
    if quality is not None:
        final = {target: coded(audio, quality) for target, audio in final.items()}
    return final
