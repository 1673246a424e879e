"""A catalog in a folder, worked on with the real network (a small one) in this very process."""

import pytest
from song_folder import SongFolder


@pytest.fixture(autouse=True)
def _one_thread(one_thread) -> None:
    """In all tests here."""


@pytest.fixture
def songs(tmp_path) -> SongFolder:
    return SongFolder(tmp_path)
