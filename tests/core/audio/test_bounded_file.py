import os

import pytest

from lasaft_core.audio.files import BoundedFile


@pytest.mark.parametrize(
    ("offset", "whence", "place"),
    [
        (3, os.SEEK_SET, 3),
        (2, os.SEEK_CUR, 6),
        (-4, os.SEEK_END, 6),
        (11, os.SEEK_SET, 10),
        (-1, os.SEEK_SET, 10),
        (2**70, os.SEEK_CUR, 10),
        (-11, os.SEEK_END, 10),
    ],
)
def test_outside_of_a_file_there_is_nothing(tmp_path, offset, whence, place):
    (tmp_path / "file").write_bytes(b"0123456789")
    with BoundedFile(tmp_path / "file") as file:
        assert file.read(4) == b"0123"
        assert file.seek(offset, whence) == place == file.tell()
        assert file.read() == b"0123456789"[place:]
