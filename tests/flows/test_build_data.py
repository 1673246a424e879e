"""`lasaft-stems build-data`, and a training on what it built."""

import json

import pytest

from flows.cli import main

pytestmark = pytest.mark.usefixtures("one_thread")


def build(sources, out):
    return ("build-data", "--sources", str(sources), "--out", str(out), "--hours", "0.0028",
            "--song-seconds", "5", "--validation-songs", "1", "--workers", "2")  # fmt: skip


def test_ten_seconds_are_built_and_trained_on(sources_folder, tmp_path, capsys):
    assert main(build(sources_folder, tmp_path / "data")) == 0
    printed = capsys.readouterr().out
    assert "3 of 3 songs" in printed
    assert "licences: CC0-1.0" in printed
    options = ("--recipe", "modern", "--batch-size", "4", "--excerpt-frames", "8", "--max-steps",
               "20", "--epoch-steps", "10", "--warmup-steps", "1", "--ema-decay", "0.5",
               "--loaders", "0", "--device", "cpu")  # fmt: skip
    run = ("train", "lasaft-tiny", "--data", str(tmp_path / "data"), "--out", str(tmp_path / "run"))
    assert main([*run, *options]) == 0
    lines = (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    steps = [json.loads(line) for line in lines]
    first, last = [sum(line["l1"].values()) for line in steps if "l1" in line]
    assert last < first, "a validation after 10 steps, one after 20"
    assert (tmp_path / "run" / "best.safetensors").is_file()


def test_sources_that_are_missing_or_without_terms_are_told(tmp_path, capsys):
    assert main(build(tmp_path / "none", tmp_path / "data")) == 2
    assert "soundfonts" in capsys.readouterr().err
    (tmp_path / "some" / "voices" / "somebody").mkdir(parents=True)
    assert main(build(tmp_path / "some", tmp_path / "data")) == 2
    assert "source.json" in capsys.readouterr().err
