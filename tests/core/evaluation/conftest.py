import numpy as np
import pytest
import soundfile

from lasaft_core.musdb import TARGETS, find_songs

RATE = 44100


@pytest.fixture
def written_song(tmp_path):
    """Writes sources [4, samples, 2] as a song and gives it back as it is found."""

    def write(sources, name="song"):
        folder = tmp_path / "data" / "test" / name
        folder.mkdir(parents=True)
        for target, source in zip(TARGETS, sources, strict=True):
            soundfile.write(folder / f"{target}.wav", source, RATE, subtype="FLOAT")
        return next(s for s in find_songs(tmp_path / "data", "test") if s.name == name)

    return write


@pytest.fixture
def noise():
    """Four sources of noise, [4, samples, 2]."""

    def make(seconds, seed=0):
        shape = (4, round(seconds * RATE), 2)
        return np.random.default_rng(seed).uniform(-0.1, 0.1, shape).astype(np.float32)

    return make
