"""The bundled checkpoint: whole, described, and better than no separation."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

import lasaft_core
from lasaft_core import Separator
from lasaft_core.errors import UnknownCheckpoint
from lasaft_core.metrics import sdr_db
from lasaft_core.training.music import mixture, render_song

WEIGHTS = Path(lasaft_core.__file__).parent / "weights"


def test_the_card_speaks_of_this_file():
    path = WEIGHTS / "default.safetensors"
    assert hashlib.sha256(path.read_bytes()).hexdigest() in (WEIGHTS / "default.md").read_text()
    assert path.stat().st_size < 12_000_000


def test_stems_of_a_held_out_song_are_better_than_the_mixture_and_than_silence():
    stems = render_song(201, 12.0)
    mix = mixture(stems)
    separator = Separator.load("default", device="cpu")
    estimates = separator.separate(mix)
    assert separator.targets == tuple(stems)
    assert (separator.sample_rate, separator.weights_licence) == (44100, "MIT")
    gains = {t: sdr_db(stems[t], estimates[t]) - sdr_db(stems[t], mix) for t in stems}
    assert np.mean(list(gains.values())) > 3.0
    assert np.mean([sdr_db(stems[t], estimates[t]) for t in stems]) > 2.0
    np.testing.assert_allclose(sum(estimates.values()), mix, atol=1e-5)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(UnknownCheckpoint, match="default"):
        Separator.load("defualt")
