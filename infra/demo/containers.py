"""Audio files of every kind a catalog holds: written here, read by the product."""

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

Audio = NDArray[np.float32]  # samples, channels

SUBTYPES = {
    "wav16": ("WAV", "PCM_16"),
    "wav-float": ("WAV", "FLOAT"),
    "flac16": ("FLAC", "PCM_16"),
    "flac24": ("FLAC", "PCM_24"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}
AAC_FRAME_SAMPLES = 1024


def write_audio(path: Path, audio: Audio, rate: int, kind: str, tags: Mapping[str, str]) -> None:
    """`kind` is a key of SUBTYPES or "m4a"; `tags` are title and artist."""
    if kind == "m4a":
        _write_m4a(path, audio, rate, tags)
        return
    container, subtype = SUBTYPES[kind]
    with soundfile.SoundFile(
        path, "w", rate, audio.shape[1], format=container, subtype=subtype
    ) as file:
        for name, value in tags.items():
            setattr(file, name, value)
        file.write(audio)


def _write_m4a(path: Path, audio: Audio, rate: int, tags: Mapping[str, str]) -> None:
    """AAC in MP4, stereo, 160 kbit/s."""
    with av.open(path, "w", format="ipod") as container:
        container.metadata.update(tags)
        stream = container.add_stream("aac", rate=rate, layout="stereo")
        stream.bit_rate = 160_000
        for start in range(0, len(audio), AAC_FRAME_SAMPLES):
            planes = np.ascontiguousarray(audio[start : start + AAC_FRAME_SAMPLES].T)
            frame = av.AudioFrame.from_ndarray(planes, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def resample(audio: Audio, rate: int, new_rate: int) -> Audio:
    return np.asarray(soxr.resample(audio, rate, new_rate), dtype=np.float32)


def to_peak(audio: Audio, peak: float = 0.95) -> Audio:
    """Lossy masters overshoot full scale when decoded: bring the peak down, never up."""
    found = float(np.abs(audio).max())
    return audio if found <= peak else audio * np.float32(peak / found)
