import argparse
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from flows.cli import COMMANDS, build_parser, main
from flows.run_records import RunConfig
from lasaft_core.catalog.plan import Force
from lasaft_core.errors import InvalidOption

COMMAND = (sys.executable, "-m", "flows.cli")
CATALOG = ("--source", "in", "--dest", "out")
STREAMS = ("stdout", "stderr")
SLOW_PACKAGES = {"torch", "numpy", "scipy", "ray", "prefect", "pyarrow", "deltalake", "s3fs",
                 "botocore", "rich"}  # fmt: skip
TELL_IMPORTS = """
import sys
from flows.cli import main
try:
    main(sys.argv[1:])
finally:
    print(*{name.partition(".")[0] for name in sys.modules}, file=sys.stderr)
"""


def _help(*command: str) -> tuple[str, set[str]]:
    """What it prints, and the packages that it imports for it."""
    done = subprocess.run(
        [sys.executable, "-c", TELL_IMPORTS, *command, "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout, set(done.stderr.split())


@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS)])
def test_help_imports_nothing_that_takes_its_time(command: tuple[str, ...]) -> None:
    printed, packages = _help(*command)
    assert "usage: lasaft-stems" in printed
    assert "flows" in packages
    assert packages.isdisjoint(SLOW_PACKAGES)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("seperate", "a.wav", "--out", "x"),
        ("separate", "--out", "x"),
        ("separate", "a.wav"),
        ("separate", "a.wav", "--out", "x", "--codec", "mp3"),
        ("separate", "a.wav", "--out", "x", "--targets", ","),
        ("run", "--source", "in"),
        ("run", *CATALOG, "--force", "some"),
        ("run", *CATALOG, "--workers", "many"),
        ("plan", "--dest", "out"),
        ("find", "song.wav"),
        ("serve", *CATALOG),
    ],
)
def test_wrong_use_ends_with_code_2(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_info:
        main(arguments)
    assert exit_info.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_a_narrow_locale_escapes_what_it_cannot_print(tmp_path: Path, monkeypatch) -> None:
    narrow = {name: io.TextIOWrapper(io.BytesIO(), encoding="ascii") for name in STREAMS}
    for name, stream in narrow.items():
        monkeypatch.setattr(sys, name, stream)
    (tmp_path / "Müsik").mkdir()
    assert main(["status", "--dest", str(tmp_path / "Müsik")]) == 0
    assert main(["status", "--dest", str(tmp_path / "夜")]) == 2
    told = [stream.buffer.getvalue().decode("ascii") for stream in narrow.values()]
    assert r"/M\xfcsik/catalog" in told[0]
    assert r"/\u591c" in told[1]


def test_the_help_of_run_tells_exit_codes_and_what_force_retries() -> None:
    _, add_options = COMMANDS["run"]
    parser = argparse.ArgumentParser()
    add_options(parser)
    text = " ".join(parser.format_help().split())
    assert "Exit code: 0 when" in text
    assert "2 for wrong use" in text
    assert "skipped, quarantined or found broken" in text


def test_the_choices_of_force_are_the_plan_s() -> None:
    for force in get_args(Force):
        arguments = build_parser().parse_args(["run", *CATALOG, "--force", force])
        assert RunConfig(("in",), "out", force=arguments.force).force == force
    with pytest.raises(InvalidOption, match=" or |, ".join(get_args(Force))):
        RunConfig(("in",), "out", force="some")


def test_a_source_may_be_given_again() -> None:
    arguments = build_parser().parse_args(
        ["run", *CATALOG, "--source", "more", "--targets", "vocals, drums", "--include", "*.flac"]
    )
    assert arguments.source == ["in", "more"]
    assert arguments.targets == ("vocals", "drums")
    assert arguments.include == ["*.flac"]


def test_a_reader_who_leaves_is_no_error(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    arguments = ("status", "--dest", str(tmp_path))
    done = subprocess.run(
        [*COMMAND, *arguments], stdout=writing, stderr=subprocess.PIPE, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")
