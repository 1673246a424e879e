"""Generated songs and the training loop, on ten seconds and a few steps."""

import numpy as np
import pytest
import torch

from lasaft_core.models import NetworkConfig
from lasaft_core.training.excerpts import Excerpts, render_songs
from lasaft_core.training.loop import Trainer, TrainingOptions
from lasaft_core.training.music import TARGETS, mixture, render_song

TINY = NetworkConfig(
    n_fft=256, hop_samples=128, num_frames=32, num_blocks=3, internal_channels=4,
    num_conv_layers=1, embedding_dim=4, num_control_layers=2, num_latents=2, key_dim=4,
)  # fmt: skip


@pytest.fixture
def one_thread():
    """A tiny network does not repay more."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_a_song_is_the_same_from_the_same_seed_and_its_stems_all_sound():
    first, second, other = (render_song(seed, 4.0, 16000) for seed in (5, 5, 6))
    assert tuple(first) == TARGETS
    for target in TARGETS:
        np.testing.assert_array_equal(first[target], second[target])
        assert first[target].shape == (64000, 2)
        assert first[target].dtype == np.float32
        assert np.sqrt(np.mean(first[target] ** 2)) > 1e-3
    assert np.abs(mixture(first)).max() == pytest.approx(0.9, abs=1e-3)
    assert not np.array_equal(first["drums"], other["drums"])


def test_excerpts_sum_to_their_mixture_and_cover_all_targets(tmp_path):
    songs = render_songs(tmp_path, range(2), 3.0)
    excerpts = Excerpts(songs, 4000, seed=1)
    mix, wanted, targets = excerpts.batch(64)
    assert mix.shape == wanted.shape == (64, 2, 4000)
    assert [list(targets).count(i) for i in range(len(TARGETS))] == [16] * 4
    again = Excerpts(render_songs(tmp_path, range(2), 3.0), 4000, seed=1).batch(64)
    np.testing.assert_array_equal(mix, again[0])


class OneBatch:
    """The same excerpts again and again."""

    def __init__(self, excerpts):
        self.items = excerpts.batch(4)

    def batch(self, size):
        assert size == len(self.items[0])
        return self.items


def test_training_lowers_the_loss_and_resumes_where_it_stopped(tmp_path, one_thread):
    songs = render_songs(tmp_path / "songs", range(2), 3.0)
    options = TrainingOptions(minutes=1, batch_size=4)
    trainer = Trainer(TINY, options, tmp_path)
    trainer.seconds = 30.0  # halfway: the rate is half its peak
    batch = OneBatch(Excerpts(songs, trainer.excerpt_samples, seed=0))
    losses = [trainer._update(batch) for _ in range(60)]
    assert losses[-1] < 0.7 * losses[0]
    trainer.seconds = 59.9999  # the budget ends after one step
    trainer.fit(batch)
    resumed = Trainer(TINY, options, tmp_path)
    assert resumed.step == trainer.step == 1
    assert resumed.seconds == trainer.seconds > 60
    for name, tensor in trainer.network.state_dict().items():
        assert torch.equal(resumed.network.state_dict()[name], tensor)
