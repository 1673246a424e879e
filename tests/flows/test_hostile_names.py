"""Objects' keys are other people's words: they are kept exactly and do nothing."""

import logging
from pathlib import Path

import numpy as np
import pytest
import soundfile

from flows.cli import main
from flows.reporting import failure_rows, report_markdown
from flows.run_logs import RunLogFilter
from flows.run_records import Failure, RunReport
from lasaft_core.catalog.table import CatalogTable
from lasaft_core.errors import InvalidOption
from lasaft_core.models.config import NetworkConfig

CHECKPOINT = Path(__file__).parent.parent / "golden" / "tfc_gpocm_lasaft.ckpt"
NAMES = [
    "two\nlines: track=x status=done.wav",
    "red \x1b[31m and \x1b]0;title\x07.wav",
    "turned \u202egnw.wav",
    "carriage\rreturn\x08\x7f.wav",
    "$(touch pwned) `touch pwned` ; touch pwned & | > pwned.wav",
    "-rf --force.wav",
    "%2e%2e%2fescape.wav",
    "..\\..\\escape.wav",
    "<img src=x onerror=alert(1)> [x](javascript:alert(1)) | cell.wav",
]


@pytest.fixture
def songs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No audio, so that all names come up in the report; one good song."""
    (tmp_path / "in").mkdir()
    for name in NAMES:
        (tmp_path / "in" / name).write_bytes(b"no audio")
    noise = np.random.default_rng(0).uniform(-0.2, 0.2, (5000, 2))
    soundfile.write(tmp_path / "in" / "good.wav", noise, 44100)
    (tmp_path / "in" / "good.wav").rename(tmp_path / "in" / "good\n; touch pwned.wav")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "empty"))
    return tmp_path


def test_a_run_keeps_names_exactly_and_prints_them_harmlessly(songs: Path, capsys) -> None:
    arguments = ["--source", f"{songs}/in", "--dest", f"{songs}/out", "--executor", "inline"]
    arguments += ["--checkpoint", str(CHECKPOINT), "--targets", "vocals"]
    before = sorted(songs.rglob("*"))

    assert main(["run", *arguments]) == 1
    assert main(["status", "--dest", f"{songs}/out"]) == 0

    printed = capsys.readouterr()
    lines = [*printed.out.splitlines(), *printed.err.splitlines()]
    assert all(line.isprintable() for line in lines)
    assert not any(line.startswith("track=x") for line in lines)
    assert r"two\nlines" in printed.err
    assert r"two\nlines" in printed.out
    rows = {row.source_uri for row in CatalogTable.open(f"{songs}/out").rows()}
    assert rows == {f"file://{path}" for path in (songs / "in").iterdir()}
    made = set(songs.rglob("*")) - set(before)
    assert {path.relative_to(songs).parts[0] for path in made} == {"out"}


@pytest.mark.parametrize("name", NAMES)
def test_reports_and_prefect_s_logs_show_names_as_text(name: str) -> None:
    failure = Failure(name, "failed", "not_audio", f"can't read {name}")
    report = RunReport("run", planned={}, failed=1, failures=(failure,))
    record = logging.LogRecord("flows", logging.WARNING, "", 0, "track=%s", (name,), None)

    RunLogFilter("flow-run").filter(record)

    shown = [record.getMessage(), *failure_rows(report)[0].values()]
    assert all(text.isprintable() for text in shown)
    assert "<img" not in report_markdown(report)


@pytest.mark.parametrize("target", ["../escape", "a/b", "", ".hidden", "new\nline", "x" * 65])
def test_a_checkpoint_can_t_name_files_elsewhere(target: str) -> None:
    with pytest.raises(InvalidOption, match="targets: expected different names of letters"):
        NetworkConfig(targets=(target,))
