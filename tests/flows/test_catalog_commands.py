"""`plan`, `run`, `status` and `find` over one small catalog, without Prefect and Ray."""

import json
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import soundfile

from flows.cli import main
from lasaft_core.catalog.rows import TrackRow
from lasaft_core.catalog.table import CatalogTable

pytestmark = pytest.mark.usefixtures("one_thread")
CHECKPOINT = Path(__file__).parents[1] / "golden" / "tfc_gpocm_lasaft.ckpt"
SECONDS, RATE = 0.1, 44100
FAILED = TrackRow(
    source_uri="s3://b/song.wav",
    source_etag="e",
    source_bytes=1000,
    status="failed",
    reason="not_audio",
    error_message="text",
    model_fingerprint="1" * 64,
)


@pytest.fixture(autouse=True)
def no_prefect_api(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "")


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("catalog")
    (root / "in").mkdir()
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, (round(SECONDS * RATE), 2))
    soundfile.write(root / "in" / "song.wav", noise, RATE)
    (root / "in" / "broken.wav").write_text("this is not audio" * 100)
    return root


def _call(command: str, catalog: Path, *arguments: object) -> int:
    fixed = ["--source", catalog / "in", "--dest", catalog / "out", "--checkpoint", CHECKPOINT]
    fixed += ["--targets", "vocals,bass", "--device", "cpu", "--precision", "float32"]
    fixed += ["--executor", "inline"]
    return main([command, *map(str, (*fixed, *arguments))])


def _look(command: str, catalog: Path, *arguments: object) -> int:
    return main([command, *map(str, arguments), "--dest", str(catalog / "out")])


def test_a_plan_before_the_first_run_is_an_estimate_from_defaults(catalog, capsys) -> None:
    assert _call("plan", catalog, "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["tracks"]["new"] == 2
    assert not (catalog / "out").exists(), "a plan leaves nothing behind"
    assert facts["estimate"]["is_estimate"]
    assert facts["estimate"]["basis"] == "stated default"
    assert {Path(track["source"]).name for track in facts["to_do"]} == {"song.wav", "broken.wav"}


def test_a_run_separates_and_counts_its_failures(catalog, capsys) -> None:
    assert _call("run", catalog, "--json") == 1
    printed = capsys.readouterr()
    report = json.loads(printed.out)
    assert (report["done"], report["failed"]) == (1, 1)
    assert report["failures"][0]["reason"] == "not_audio"
    assert "Traceback" not in printed.err
    assert "status=done" in printed.err


def test_allowed_failures_end_with_code_0_and_done_songs_are_left_alone(catalog, capsys) -> None:
    assert _call("run", catalog) == 0, "the same bytes are not tried again unasked"
    printed = capsys.readouterr().out
    assert "failed not_audio" not in printed
    assert "done before: 1\nleft as they were, without stems: 1\n" in printed
    assert _call("run", catalog, "--force", "failed", "--max-failure-rate", 1) == 0
    printed = capsys.readouterr().out
    assert "done: 0\n" in printed
    assert "windows through the network: 0\n" in printed
    assert "failed not_audio: file://" in printed


def test_a_plan_after_it_tells_what_is_left_from_what_is_done(catalog, capsys) -> None:
    assert _call("plan", catalog) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[5:7] == ["done: 1", "left: 1"]
    assert "--force failed" in lines[7]
    assert _call("plan", catalog, "--force", "all", "--workers", 2) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {"forced: 1", "retry: 1", "left: 0"} < set(lines)
    assert not any("--force failed" in line for line in lines)
    assert any(line.startswith("audio: ") and "too little past audio" in line for line in lines)
    assert any(line.startswith("time: ") and "2 workers" in line for line in lines)


def test_status_says_what_failed_and_why(catalog, capsys) -> None:
    assert _look("status", catalog) == 0
    printed = capsys.readouterr().out
    assert "done: 1 songs" in printed
    assert "failed (not_audio): 1 songs" in printed
    assert "broken.wav: " in printed
    assert _look("status", catalog, "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["done"], facts["failed"], facts["skipped"], facts["quarantined"]) == (1, 1, 0, 0)
    assert facts["failures"][0]["source"].endswith("/broken.wav")


def test_with_enough_past_audio_a_plan_estimates_from_it(catalog, tmp_path, capsys) -> None:
    (row,) = CatalogTable.open(str(catalog / "out")).rows(status="done")
    dest = tmp_path / "out"
    CatalogTable.open(str(dest)).publish([replace(row, duration_seconds=60.0)])
    assert _call("plan", catalog, "--dest", dest) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("audio: ") and "(estimate from past rows)" in line for line in lines)


def test_status_names_the_model_of_a_failure_where_there_are_several(tmp_path, capsys) -> None:
    table = CatalogTable.open(str(tmp_path))
    table.publish([FAILED])
    assert _look_at(tmp_path) == "failed not_audio: s3://b/song.wav: text"
    table.publish([replace(FAILED, model_fingerprint="2" * 64)])
    assert _look_at(tmp_path).startswith(("model 1111", "model 2222"))
    assert ": failed not_audio: s3://b/song.wav: text" in _look_at(tmp_path)


def _look_at(dest: Path) -> str:
    """The last line of `status`."""
    with redirect_stdout(StringIO()) as printed:
        assert main(["status", "--dest", str(dest)]) == 0
    return printed.getvalue().splitlines()[-1]


def test_find_prints_stems_that_are_there(catalog, capsys) -> None:
    assert _look("find", catalog, catalog / "in" / "song.wav") == 0
    lines = capsys.readouterr().out.splitlines()[1:]
    paths = {line.split(": ")[0].strip(): line.split("file://")[1] for line in lines}
    assert set(paths) == {"vocals", "bass"}
    for path in paths.values():
        assert soundfile.info(path).frames == round(SECONDS * RATE)


def test_find_without_stems_is_code_1_and_says_why(catalog, capsys) -> None:
    assert _look("find", catalog, catalog / "in" / "broken.wav") == 1
    assert "failed (not_audio)" in capsys.readouterr().err
    assert _look("find", catalog, catalog / "in" / "absent.wav", "--json") == 1
    printed = capsys.readouterr()
    assert json.loads(printed.out)["rows"] == []
    assert "not in the table" in printed.err


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("run", ("--source", "/no/such/folder")),
        ("run", ("--targets", "kazoo")),
        ("run", ("--limit", -1)),
        ("run", ("--max-failure-rate", "nan")),
        ("run", ("--max-hours", "nan")),
        ("plan", ("--gpus-per-worker", "nan")),
        ("plan", ("--cpus-per-worker", "0")),
        ("plan", ("--dest", "s3://")),
        ("plan", ("--checkpoint", "/etc/hostname")),
        ("serve", ("--cron", "0 2 * * *")),
    ],
)
def test_wrong_use_is_one_line_and_code_2(catalog, capsys, command, arguments) -> None:
    assert _call(command, catalog, *arguments) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert told.startswith("lasaft-stems: ")


def test_looking_at_a_place_that_is_not_there_is_code_2(tmp_path, capsys) -> None:
    assert main(["status", "--dest", str(tmp_path / "absent")]) == 2
    assert main(["find", "song.wav", "--dest", str(tmp_path / "absent")]) == 2
    assert capsys.readouterr().err.count("\n") == 2


def test_status_of_a_place_without_a_table_says_so(tmp_path, capsys) -> None:
    assert main(["status", "--dest", str(tmp_path)]) == 0
    assert "there is no table" in capsys.readouterr().out


@pytest.mark.parametrize(("command", "more"), [("run", ()), ("serve", ("--cron", "0 2 * * *"))])
def test_a_prefect_api_that_does_not_answer_is_one_line_and_code_2(
    catalog, capsys, monkeypatch, command, more
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    arguments = ["--source", catalog / "in", "--dest", catalog / "out", "--checkpoint", CHECKPOINT]
    assert main([command, *map(str, arguments), *more]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "no Prefect API answers at http://127.0.0.1:9/api" in line
    assert "prefect server start" in line
