"""`lasaft-stems train`: from wrong use to a training that is killed and goes on."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from flows.cli import main
from lasaft_core.checkpoints import load_checkpoint, native
from lasaft_core.models import PRESETS, UNet
from lasaft_core.training.music import write_song

pytestmark = pytest.mark.usefixtures("one_thread")

OPTIONS = ("--loaders", "0", "--batch-size", "4", "--excerpt-frames", "8", "--epoch-steps", "10",
           "--validation-seconds", "0.5", "--device", "cpu")  # fmt: skip

ONE_TARGET = str(Path(__file__).parent.parent / "golden" / "tfc_tdf_net.ckpt")
WITHOUT_END = """
import sys, time
from flows.cli import main
from lasaft_core.training.observers import JsonLines

on_loss = JsonLines.on_loss

def stay_at_50(log, step, loss, rate):
    on_loss(log, step, loss, rate)
    if step == 50:
        time.sleep(3600)

JsonLines.on_loss = stay_at_50
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    for split, seed in (("train", 1), ("valid", 2)):
        write_song(root / split / "song", seed, 2.0)
    return root


def losses(folder):
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return {line["step"]: line["loss"] for line in lines if "loss" in line}


def train(data, out, *options):
    return ("train", "lasaft-tiny", "--data", str(data), "--out", str(out), *OPTIONS, *options)


def test_a_training_killed_by_the_system_goes_on_with_the_same_losses(data, tmp_path, capsys):
    steps = ("--max-steps", "60", "--save-minutes", "0")
    assert main(train(data, tmp_path / "whole", *steps)) == 0
    assert "60 steps; best L1" in capsys.readouterr().out
    process = subprocess.Popen(
        [sys.executable, "-c", WITHOUT_END, *train(data, tmp_path / "killed", *steps)],
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    log = tmp_path / "killed" / "log.jsonl"
    while process.poll() is None and not (log.exists() and '"step": 20' in log.read_text()):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert main(train(data, tmp_path / "killed", *steps)) == 0
    assert losses(tmp_path / "killed") == pytest.approx(losses(tmp_path / "whole"), rel=1e-6)
    assert list(losses(tmp_path / "killed")) == [10, 20, 30, 40, 50, 60]


def test_a_finished_training_is_left_alone_and_its_best_begins_another(data, tmp_path, capsys):
    steps = ("--max-steps", "10")
    for _ in range(2):
        assert main(train(data, tmp_path / "first", *steps)) == 0
        assert "10 steps; best L1" in capsys.readouterr().out
    best = str(tmp_path / "first" / "best.safetensors")
    assert load_checkpoint(best).name == "first"
    assert main(train(data, tmp_path / "second", *steps, "--init", best)) == 0
    assert losses(tmp_path / "second")[10] < losses(tmp_path / "first")[10]


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ({"mixture_consistent": True}, {"mixture_consistent": False}),
        ({"mixture_consistent": False}, {"mixture_consistent": True}),
        ({}, {"encoder_conv_layers": 4}),
        ({}, {"num_conv_layers": 4}),
    ],
)
def test_weights_without_the_sharing_or_of_shallower_blocks_begin_a_training(
    data, tmp_path, monkeypatch, before, now
):
    tiny = PRESETS["lasaft-tiny"]
    before = replace(tiny, **before)
    monkeypatch.setitem(PRESETS, "lasaft-tiny", replace(tiny, **now))
    start = tmp_path / "before.safetensors"
    native.write(start, before, UNet(before).state_dict(), {"name": "before", "licence": None})
    options = ("--recipe", "modern", "--max-steps", "1", "--init", str(start))
    assert main(train(data, tmp_path / "run", *options)) == 0
    begun = load_checkpoint(str(tmp_path / "run" / "best.safetensors"))
    assert begun.config == PRESETS["lasaft-tiny"] != before


@pytest.mark.parametrize(
    ("preset", "options", "said"),
    [
        ("tdc-18", (), "tdc-17 | tfc-17"),
        ("lasaft-tiny", ("--target", "drums"), "--target"),
        ("tdc-17", ("--target", "kazoo"), "kazoo"),
        ("lasaft-tiny", ("--batch-size", "0"), "batch_size"),
        ("lasaft-tiny", ("--data", "nowhere"), "no folder train"),
        ("lasaft-tiny", ("--init", "no-such-name"), "no-such-name"),
        ("lasaft-tiny", ("--init", "default"), "a checkpoint of lasaft-tiny"),
        ("lasaft-subband", ("--recipe", "modern", "--init", ONE_TARGET), "of lasaft-subband"),
    ],
)
def test_wrong_use_is_told_in_one_line(data, tmp_path, capsys, preset, options, said):
    command = ["train", preset, "--data", str(data), "--out", str(tmp_path / "out"), *options]
    assert main(command) == 2
    message = capsys.readouterr().err
    assert said in message
    assert message.count("\n") == 1
    assert not (tmp_path / "out" / "training.pt").exists()


def test_a_one_target_network_learns_the_target_that_is_named(data, tmp_path):
    command = ("train", "tfc-tdf-7", "--target", "drums", "--max-steps", "1", *OPTIONS)
    assert main((*command, "--data", str(data), "--out", str(tmp_path))) == 0
    assert load_checkpoint(str(tmp_path / "best.safetensors")).config.targets == ("drums",)
