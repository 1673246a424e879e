"""What `lasaft-stems serve` refuses and registers; `test_serve.py` has it at work."""

from pathlib import Path

import pytest

from flows.cli import main
from tests.served_catalog import CHECKPOINT, SCHEDULE, write_song


@pytest.fixture
def registered(prefect_api, monkeypatch) -> list:
    """The deployments that it would serve."""
    from flows.commands import serve

    deployments: list = []
    monkeypatch.setattr(serve, "serve_deployments", deployments.extend)
    return deployments


def _serve(folder: Path, *arguments: str) -> int:
    write_song(folder / "in" / "song.wav", 1)
    places = ("--source", f"{folder}/in", "--dest", f"{folder}/out", "--name", folder.name)
    network = ("--checkpoint", str(CHECKPOINT), "--device", "cpu", "--executor", "inline")
    return main(["serve", *places, *network, *SCHEDULE, *arguments])


@pytest.mark.parametrize(
    "arguments",
    [
        ("--source", "/no/such/folder"),
        ("--dest", "/proc/nowhere"),
        ("--checkpoint", "no-such-network"),
        ("--credentials-block", "no-such-block"),
        ("--name", "a/b"),
    ],
)
def test_what_a_run_would_refuse_at_night_is_refused_at_once(
    tmp_path, capsys, registered, arguments
) -> None:
    assert _serve(tmp_path, *arguments) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not registered


def test_addresses_become_canonical_and_nothing_is_written(
    tmp_path, monkeypatch, registered
) -> None:
    monkeypatch.chdir(tmp_path)
    assert _serve(tmp_path, "--source", "in", "--dest", "out") == 0
    assert len(registered) == 2
    for deployment in registered:
        parameters = deployment.parameters["parameters"]
        assert parameters["sources"] == [f"file://{tmp_path}/in"] * 2
        assert parameters["dest"] == f"file://{tmp_path}/out"
    assert not [path for path in tmp_path.glob("out/**/*") if path.is_file()]


def test_a_name_that_another_catalog_has_is_refused_in_one_line(
    tmp_path, capsys, registered
) -> None:
    assert _serve(tmp_path) == 0
    registered[0].apply()
    assert _serve(tmp_path, "--dest", f"{tmp_path}/elsewhere") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "give this one a --name" in line
    assert len(registered) == 2
