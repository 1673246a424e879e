"""Generated songs in the formats, rates and lengths of a mixed catalog, the same ones each time."""

from itertools import cycle

import numpy as np

from infra.demo.containers import resample, write_audio
from lasaft_core.training.music import mixture, render_song

RATE_HZ, MASTER_SECONDS = 44_100, 45.0
SHORTEST_SECONDS, LONGEST_SECONDS = 30.0, 360.0
KINDS = (
    ("flac16", "flac", RATE_HZ, 2),
    ("mp3", "mp3", RATE_HZ, 2),
    ("wav16", "wav", 48_000, 2),
    ("m4a", "m4a", RATE_HZ, 2),
    ("flac24", "flac", 48_000, 2),
    ("wav-float", "wav", RATE_HZ, 1),
)


def durations(tracks, minutes):
    """Seconds of each track, in an order that is no order; `minutes` in all, None: as they are."""
    seconds = np.linspace(SHORTEST_SECONDS, LONGEST_SECONDS, tracks)
    if minutes is not None:
        seconds *= 60 * minutes / seconds.sum()
    return np.random.default_rng(0).permutation(seconds).tolist()


def write_catalog(folder, tracks, minutes):
    """Files `NN.suffix`; returns the seconds of all."""
    masters = [mixture(render_song(seed, MASTER_SECONDS)) for seed in range(4)]
    kinds = cycle(KINDS)
    wanted = durations(tracks, minutes)
    for number, seconds in enumerate(wanted):
        kind, suffix, rate, channels = next(kinds)
        audio = _track(masters[number % len(masters)], number, seconds, channels)
        audio = audio if rate == RATE_HZ else resample(audio, RATE_HZ, rate)
        tags = {"title": f"Track {number}", "artist": "Bench"}
        write_audio(folder / f"{number:02d}.{suffix}", audio, rate, kind, tags)
    return sum(wanted)


def _track(master, number, seconds, channels):
    """The master from another place on, again and again, at another level."""
    start = 9973 * number
    places = np.arange(start, start + round(seconds * RATE_HZ)) % len(master)
    audio = master[places] * np.float32(0.97**number)
    return audio if channels == 2 else audio.mean(axis=1, keepdims=True)
