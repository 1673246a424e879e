"""Songs on disk to train on, and a network small enough for a test."""

import pytest

from lasaft_core.models import NetworkConfig
from lasaft_core.training.music import write_song


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """Two short generated songs to train on and one to validate on."""
    root = tmp_path_factory.mktemp("data")
    for split, seed in (("train", 1), ("train", 2), ("valid", 3)):
        write_song(root / split / f"song-{seed}", seed, 3.0)
    return root


@pytest.fixture(scope="session")
def tiny():
    """Hyper-parameters of a network of a few thousand numbers."""
    return NetworkConfig(
        n_fft=256, hop_samples=128, num_frames=96, num_blocks=3, internal_channels=4,
        num_conv_layers=1, embedding_dim=4, num_control_layers=3, num_latents=2, key_dim=4,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def _one_thread(one_thread) -> None:
    """In all tests here."""
