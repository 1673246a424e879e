"""The README's commands and snippets, run as they stand on a bucket called `music`."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from flows.cli import main
from lasaft_core import storage
from lasaft_core.musdb import SPLITS, TARGETS
from tests.generated_sources import write_sources

pytestmark = pytest.mark.timeout(1200)
README = (Path(__file__).parents[2] / "README.md").read_text()
COMMANDS = [
    shlex.split(line, comments=True)[1:]
    for line in README.splitlines()
    if line.startswith("lasaft-stems ")
]
CATALOG = ("separate", "plan", "run", "status", "find", "verify", "prune")
REMOVING = ("forget",)
RESEARCH = ("checkpoint", "build-data", "train", "evaluate", "plot")
SHORTENED = {
    "train": ("--max-steps", "1", "--batch-size", "2", "--excerpt-frames", "8", "--loaders", "0",
              "--device", "cpu", "--validation-seconds", "0.5"),
    "evaluate": ("--executor", "inline", "--device", "cpu"),
    "build-data": ("--hours", "0.001", "--song-seconds", "4", "--validation-songs", "0"),
}  # fmt: skip
SNIPPETS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


def write_song(path):
    noise = np.random.default_rng(0).uniform(-0.2, 0.2, (44100, 2))
    soundfile.write(path, noise, 44100)
    return path


@pytest.fixture
def music(s3_server, s3, tmp_path, monkeypatch):
    """The bucket of the README with one song, and the folder with another."""
    del s3  # sets the environment
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    s3_server.create_bucket("music")
    storage.put(write_song(tmp_path / "song.flac"), "s3://music/songs/a/b.flac")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_commands_and_the_table_snippet_work_as_they_stand(music, capsys, monkeypatch):
    wanted = [c for c in COMMANDS if c[0] in CATALOG]
    assert [c[0] for c in wanted] == list(CATALOG)
    for command in wanted:
        assert main(command) == 0, command
    stems = {path.name for path in (music / "stems" / "song").iterdir()}
    assert {"vocals.flac", "drums.flac", "bass.flac", "other.flac"} <= stems
    printed = capsys.readouterr().out
    assert "s3://music/stems/stems/" in printed
    names: dict[str, object] = {}
    exec(next(s for s in SNIPPETS if "DeltaTable" in s), names)
    assert names["rows"].num_rows == 1
    monkeypatch.setattr("lasaft_core.catalog.verification.time.sleep", lambda _: None)
    (forget,) = (c for c in COMMANDS if c[0] in REMOVING)
    assert main(forget) == 0
    assert "1 rows and the stems of 1 of them removed" in capsys.readouterr().out


def test_commands_of_research_work_with_one_short_song(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for split in SPLITS:
        for target in TARGETS:
            folder = tmp_path / "musdb18hq" / split / "song"
            folder.mkdir(parents=True, exist_ok=True)
            write_song(folder / f"{target}.wav")
    write_song(tmp_path / "song.flac")
    write_sources(tmp_path / "sources")
    golden = Path(__file__).parents[1] / "golden" / "tfc_net.ckpt"
    (tmp_path / "vocals.ckpt").write_bytes(golden.read_bytes())
    wanted = [c for c in COMMANDS if c[0] in RESEARCH]
    assert {c[0] for c in wanted} == set(RESEARCH)
    assert len(wanted) + len(CATALOG) + len(REMOVING) + 1 == len(COMMANDS)
    for command in wanted:
        assert main([*command, *SHORTENED.get(command[0], ())]) == 0, command
    for made in (
        "vocals.safetensors", "runs/lasaft/best.safetensors", "scores/lasaft/scores.md",
        "built/manifest.json",
    ):  # fmt: skip
        assert (tmp_path / made).is_file(), made
    assert {path.name for path in tmp_path.glob("*.png")} == {
        "weights.png", "attention.png", "song.png"
    }  # fmt: skip


def test_python_snippet_runs():
    mix = np.random.default_rng(0).uniform(-0.2, 0.2, (300_000, 2)).astype(np.float32)
    names: dict[str, object] = {"mix": mix}
    exec(next(s for s in SNIPPETS if "Separator.load" in s), names)
    assert names["stems"]["vocals"].shape == mix.shape
    assert names["window"].shape == (names["separator"].window_samples, 2)
    assert names["separator"].targets == ("vocals", "drums", "bass", "other")


HELPED = (
    "separate", "run", "serve", "train", "build-data", "evaluate", "checkpoint inspect",
    "plot weights", "plot spectrogram", "verify", "prune", "forget",
)  # fmt: skip


def test_options_that_are_named_exist():
    (serve,) = [c for c in COMMANDS if c[0] == "serve"]
    ours = re.sub(r"^pip .*$", "", README, flags=re.MULTILINE)
    options = set(re.findall(r"(--[a-z][a-z-]+)", ours))
    known = ""
    for command in HELPED:
        done = subprocess.run(
            [sys.executable, "-m", "flows.cli", *command.split(), "--help"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        known += done.stdout
    assert {o for o in options if o not in known} == set()
    assert "--cron" in serve


def test_links_inside_the_project_point_to_something():
    for target in re.findall(r"\]\(([^)#][^)]*)\)", README):
        if "://" not in target:
            assert (Path(__file__).parents[2] / target).exists(), target
