"""A catalog in a folder, worked on with the real network (a small one) in this very process."""

from collections.abc import Iterator

import pytest
import torch
from song_folder import SongFolder


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """The network is so small that more threads only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def songs(tmp_path) -> SongFolder:
    return SongFolder(tmp_path)
