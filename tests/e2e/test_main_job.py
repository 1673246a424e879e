"""The main job whole, as a person starts it: servers, flow, Ray, table, and nothing left behind."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from uuid import uuid4

import pytest

from infra.demo.catalog import BROKEN_KEY, SHORT
from infra.demo.origins import MUSIC
from tests.marked_processes import MARK, processes_of, wait_for_the_end_of_all

pytestmark = [
    pytest.mark.skipif(
        not list(MUSIC.glob("*.whl")),
        reason=f"no wheels with music in {MUSIC}: make test gets them",
    ),
    pytest.mark.timeout(900),
]


@pytest.fixture
def mark() -> Iterator[str]:
    """A word in the environment of the demo and of every process that it starts."""
    word = uuid4().hex
    yield word
    for pid in processes_of(word):
        os.kill(pid, signal.SIGKILL)


def start_demo(mark: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "infra.demo", "--short"]
    return subprocess.Popen(
        command,
        env={**os.environ, MARK: mark, "COLUMNS": "160"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def value_of(line_start: str, output: str) -> list[str]:
    """The values of a line of both reports, the first run's first."""
    return re.findall(rf"^\s*{line_start}\s+(\S+)\s*$", output, flags=re.MULTILINE)


def test_a_bucket_becomes_stems_and_a_table_and_the_second_run_does_nothing(mark):
    demo = start_demo(mark)

    output, _ = demo.communicate(timeout=800)

    assert demo.returncode == 0, output
    windows, windows_again = value_of("windows through the network", output)
    assert int(windows.replace(",", "")) > 0
    assert windows_again == "0"
    assert value_of("source bytes read", output)[1] == "0"
    assert value_of("done", output) == [str(len(SHORT) - 1), "0"]
    assert value_of("failed", output) == ["1", "0"]
    assert re.search(rf"{re.escape(BROKEN_KEY)}: truncated: ", output)
    assert re.search(r"mean +[+-]\d+\.\d\d", output)
    wait_for_the_end_of_all(mark)


def test_a_demo_stopped_by_ctrl_c_leaves_no_process(mark):
    demo = start_demo(mark)
    assert demo.stdout is not None
    assert any("workers=" in line and " cpus=" in line for line in demo.stdout), "ended before"

    os.killpg(demo.pid, signal.SIGINT)  # a terminal sends it to the whole group
    output, _ = demo.communicate(timeout=800)

    assert demo.returncode == 130, output
    assert "Cancelled(" in output
    wait_for_the_end_of_all(mark)
