"""`lasaft-stems evaluate`: on Ray and in this process, resumed, refused, with a song that fails."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from flows.cli import main
from lasaft_core.errors import InvalidOption
from lasaft_core.musdb import TARGETS, find_songs
from ray_actors import cluster
from ray_actors.evaluation import EvaluationSettings, score_on_ray
from ray_actors.resources import NodeResources

pytestmark = pytest.mark.usefixtures("one_thread")

GOLDEN = Path(__file__).parents[1] / "golden" / "tfc_tdf_net.ckpt"
RATE = 44100


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Three short songs of noise, the middle one without a second of its vocals."""
    root = tmp_path_factory.mktemp("data")
    for seed, name in enumerate(("a", "b", "c")):
        sources = np.random.default_rng(seed).uniform(-0.1, 0.1, (4, 2 * RATE, 2))
        if name == "b":
            sources[0, :RATE] = 0.0
        (root / "test" / name).mkdir(parents=True)
        for target, source in zip(TARGETS, sources, strict=True):
            soundfile.write(root / "test" / name / f"{target}.wav", source, RATE)
    return root


def evaluate(data, out, *options):
    return main(["evaluate", "--checkpoint", str(GOLDEN), "--data", str(data), "--out", str(out),
                 "--device", "cpu", *options])  # fmt: skip


def scores_of(out):
    return json.loads((out / "scores.json").read_text())


def test_ray_and_this_process_agree_and_a_second_run_measures_what_is_missing(
    data, tmp_path, capsys
):
    assert evaluate(data, tmp_path / "inline", "--executor", "inline") == 0
    printed = capsys.readouterr().out
    assert "| network | accompaniment |" in printed
    assert "3 songs," in printed
    assert evaluate(data, tmp_path / "ray", "--workers", "2", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["songs"], facts["failures"]) == (3, {})
    inline, ray = scores_of(tmp_path / "inline"), scores_of(tmp_path / "ray")
    assert list(inline["songs"]) == ["a", "b", "c"]
    assert inline["songs"]["b"]["network"]["vocals"]["frames"]["SDR"][0] is None
    for estimator, targets in inline["summary"].items():
        for target, figures in targets.items():
            for name in ("SDR", "ISR", "sdr_db", "si_sdr_db"):
                found = ray["summary"][estimator][target][name]
                assert found == pytest.approx(figures[name], abs=0.01), (estimator, target, name)
    record = tmp_path / "inline" / "songs" / "c.json"
    untouched = (tmp_path / "inline" / "songs" / "a.json").stat().st_mtime_ns
    before = record.read_text()
    record.unlink()
    assert evaluate(data, tmp_path / "inline", "--executor", "inline") == 0
    assert record.read_text() == before
    assert (tmp_path / "inline" / "songs" / "a.json").stat().st_mtime_ns == untouched
    assert (tmp_path / "inline" / "boxplot.png").read_bytes().startswith(b"\x89PNG")
    assert "| b |" in (tmp_path / "inline" / "scores.md").read_text()


def test_a_song_that_fails_is_told_and_the_others_are_measured(data, tmp_path, capsys):
    broken = tmp_path / "data"
    for song in ("a", "b"):
        (broken / "test" / song).mkdir(parents=True)
        for target in TARGETS:
            path = broken / "test" / song / f"{target}.wav"
            path.write_bytes((data / "test" / song / f"{target}.wav").read_bytes())
    noise = np.full((2 * RATE, 2), np.nan)
    soundfile.write(broken / "test" / "a" / "mixture.wav", noise, RATE, subtype="FLOAT")
    assert evaluate(broken, tmp_path / "out", "--executor", "inline", "--limit", "2") == 1
    captured = capsys.readouterr()
    assert "a: " in captured.err
    assert "finite" in captured.err
    assert "1 song," in captured.out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--split", "valid"), "valid"),
        (("--overlap", "0.9"), "--overlap"),
        (("--checkpoint", "no-such-name"), "no-such-name"),
        (("--data", "nowhere"), "nowhere"),
    ],
)
def test_wrong_use_is_told_in_one_line(data, tmp_path, capsys, options, said):
    assert evaluate(data, tmp_path / "out", *options) == 2
    message = capsys.readouterr().err
    assert said in message
    assert message.count("\n") == 1


def test_scores_of_another_setting_are_not_mixed(data, tmp_path, capsys):
    inline = ("--executor", "inline", "--limit", "1")
    assert evaluate(data, tmp_path / "out", *inline) == 0
    assert evaluate(data, tmp_path / "out", *inline, "--overlap", "0") == 2
    assert "another --out" in capsys.readouterr().err


def test_workers_on_a_gpu_ask_ray_for_it(data, monkeypatch):
    """Ray hides the GPUs of a node from whoever asked for none."""
    monkeypatch.setattr(cluster, "node_resources", lambda: [NodeResources(cpus=2.0)])
    songs = find_songs(data, "test")
    settings = EvaluationSettings(str(GOLDEN), device="cuda", precision="float32", overlap=0.25)
    with pytest.raises(InvalidOption, match=r"--gpus-per-worker: .*the GPUs of a node"):
        next(score_on_ray(songs, settings))


def test_a_share_of_the_cpus_is_asked_for_as_it_stands(data, tmp_path, capsys):
    assert evaluate(data, tmp_path / "out", "--cpus-per-worker", "100") == 2
    assert "--cpus-per-worker" in capsys.readouterr().err
    assert evaluate(data, tmp_path / "out", "--cpus-per-worker", "0.5", "--limit", "1") == 0
