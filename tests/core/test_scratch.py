"""Scratch folders: gone at the end, and after a death as soon as somebody else comes."""

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from lasaft_core.scratch import Scratch

KEPT = """
import time
from lasaft_core.scratch import Scratch
scratch = Scratch()
(scratch.path / "stem.f32").write_bytes(b"12")
print(scratch.path, flush=True)
time.sleep(600)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def test_it_goes_with_its_owner(folder):
    scratch = Scratch()
    (scratch.path / "stem.f32").touch()
    assert list(folder.iterdir()) == [scratch.path]
    del scratch
    assert not list(folder.iterdir())


def test_what_a_killed_process_leaves_goes_with_the_next_one_and_no_sooner(folder):
    with subprocess.Popen([sys.executable, "-c", KEPT], stdout=subprocess.PIPE, text=True) as other:
        path = Path(other.stdout.readline().strip())
        beside = Scratch()
        assert (path / "stem.f32").exists()
        other.send_signal(signal.SIGKILL)
    assert path.exists()
    after = Scratch()
    assert set(folder.iterdir()) == {beside.path, after.path}


def test_folders_of_others_stay(folder):
    (folder / "lasaft-notes").mkdir()
    (folder / "lasaft-worker-file").touch()
    Scratch()
    assert {path.name for path in folder.iterdir()} == {"lasaft-notes", "lasaft-worker-file"}
