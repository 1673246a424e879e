import logging
import sys

import pytest

from flows.progress import LogLines, audio_progress, clock


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (65.4, "1:05"), (3599.6, "1:00:00"), (3700, "1:01:40")]
)
def test_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_plain_lines_where_nobody_looks_on(capsys: pytest.CaptureFixture[str]) -> None:
    before = logging.getLogger().handlers, logging.getLogger("flows").level
    with audio_progress():
        LogLines(interval_seconds=0.0).update(65.0, 130.0, note="[/red] song")
        logging.getLogger("lasaft_core.x").info("a line")
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "audio_done=1:05 audio_total=2:10 [/red] song" in printed.err
    assert "a line" in printed.err
    assert (logging.getLogger().handlers, logging.getLogger("flows").level) == before


def test_a_bar_on_a_terminal(monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with audio_progress() as bar:
        bar.update(65.0, 130.0, note="[/red] song")
    printed = capsys.readouterr()
    assert "[/red] song" in printed.err
    assert "1:05 / 2:10 of audio" in printed.err
    assert printed.out == ""


def test_lines_beside_the_bar_are_as_they_were_written(monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    line = "[b]song[/b] :guitar: " + "x" * 200 + " 12.5"
    with audio_progress() as bar:
        bar.update(65.0, 130.0)
        with bar.aside():
            print(line)
            print(line, file=sys.stderr)
        logging.getLogger("flows.x").warning("about %s", line)
        bar.update(70.0, 130.0)
    printed = capsys.readouterr()
    assert printed.out == f"{line}\n"
    assert f"\x1b[2K{line}\n" in printed.err, "where the bar was erased"
    assert f"WARNING about {line}\n" in printed.err
    assert "1:10 / 2:10 of audio" in printed.err
