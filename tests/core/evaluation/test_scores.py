"""A song's scores, its records, and the figures that become of them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from lasaft_core import Separator
from lasaft_core.errors import InvalidOption
from lasaft_core.evaluation.records import Records
from lasaft_core.evaluation.report import draw_boxes, song_table, summary_table
from lasaft_core.evaluation.scores import IDEAL_MASK, MIXTURE, NETWORK, score_song
from lasaft_core.evaluation.summary import song_figures, summarise
from lasaft_core.metrics import sdr_db
from lasaft_core.musdb import TARGETS

GOLDEN = Path(__file__).parents[2] / "golden"
IDENTITY = {"weights_sha256": "0" * 64, "overlap": 0.25}


@pytest.fixture(scope="module")
def separators():
    """One network of four targets and one of vocals alone."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield {
        name: Separator.load(str(GOLDEN / f"{name}.ckpt"), device="cpu")
        for name in ("tfc_gpocm_tdf", "tfc_tdf_net")
    }
    torch.set_num_threads(threads)


def test_the_mixture_scores_what_it_must_and_the_mask_more(written_song, noise, separators):
    song = written_song(noise(2.5))
    scores = score_song(separators["tfc_gpocm_tdf"], song, overlap=0.25)
    assert list(scores) == [NETWORK, MIXTURE, IDEAL_MASK]
    mixture, stems = song.read("mixture"), song.stems()
    estimate = separators["tfc_gpocm_tdf"].separate(mixture, overlap=0.25)
    for target in TARGETS:
        found = scores[NETWORK][target]
        assert found["sdr_db"] == pytest.approx(sdr_db(stems[target], estimate[target]), abs=1e-4)
        assert len(found["frames"]["SDR"]) == 2
        as_estimate = scores[MIXTURE][target]
        assert as_estimate["sdr_db"] == pytest.approx(sdr_db(stems[target], mixture), abs=1e-4)
        assert scores[IDEAL_MASK][target]["sdr_db"] > as_estimate["sdr_db"] + 6


def test_one_target_is_measured_beside_its_accompaniment(written_song, noise, separators):
    song = written_song(noise(1.2))
    scores = score_song(separators["tfc_tdf_net"], song, overlap=0.0)
    stems, mixture = song.stems(), song.read("mixture")
    rest = stems["drums"] + stems["bass"] + stems["other"]
    for estimator in scores.values():
        assert list(estimator) == ["vocals", "accompaniment"]
    estimate = separators["tfc_tdf_net"].separate(mixture, overlap=0.0)["vocals"]
    assert scores[NETWORK]["accompaniment"]["sdr_db"] == pytest.approx(
        sdr_db(rest, mixture - estimate), abs=1e-3
    )
    assert scores[MIXTURE]["accompaniment"]["sdr_db"] == pytest.approx(
        sdr_db(rest, mixture), abs=1e-3
    )


def test_songs_with_a_silent_source_have_figures_for_what_sounds(written_song, noise, separators):
    sources = noise(1.5)
    sources[0] = 0.0
    scores = score_song(separators["tfc_gpocm_tdf"], written_song(sources), overlap=0.25)
    figures = song_figures(scores[NETWORK]["vocals"])
    assert figures["SDR"] is figures["sdr_db"] is None
    assert scores[NETWORK]["drums"]["sdr_db"] is not None
    assert song_figures(scores[MIXTURE]["drums"])["SDR"] is None, "as museval: frames of all NaN"
    assert "| - |" in summary_table(summarise({"song": scores}))


def made_up(seed, nan_frames=()):
    """Scores of three frames, some of them without numbers."""
    rng = np.random.default_rng(seed)
    values = rng.uniform(-5, 15, (4, 4, 3)).round(5)
    frames = [[[float(x) for x in metric] for metric in target] for target in values]
    for frame in nan_frames:
        for metric in frames[0]:
            metric[frame] = None
    return {
        NETWORK: {
            target: {
                "frames": dict(zip(("SDR", "ISR", "SIR", "SAR"), frames[i], strict=True)),
                "sdr_db": float(values[i].mean()),
                "si_sdr_db": None,
            }
            for i, target in enumerate(TARGETS)
        }
    }


def test_records_come_back_and_those_of_another_network_are_refused(tmp_path):
    records = Records(tmp_path, IDENTITY)
    assert records.read("a") is None
    records.write("a", made_up(1, nan_frames=(1,)))
    assert Records(tmp_path, IDENTITY).read("a") == made_up(1, nan_frames=(1,))
    with pytest.raises(InvalidOption, match="another --out"):
        Records(tmp_path, {**IDENTITY, "overlap": 0.5}).read("a")
    assert not list(tmp_path.rglob("*.part"))


MUSEVAL = """
import json, sys, warnings
warnings.simplefilter("ignore")
import museval
store = museval.EvalStore(frames_agg="median", tracks_agg="median")
store.add_eval_dir(sys.argv[1])
print(store.agg_frames_tracks_scores().reset_index(name="dB").to_json(orient="records"))
"""


def test_figures_equal_what_museval_makes_of_the_records(tmp_path):
    """In a process of its own, with a stand-in for the ffmpeg that museval looks for."""
    songs = {name: made_up(i, nan_frames=range(i)) for i, name in enumerate("abcd")}
    records = Records(tmp_path / "out", IDENTITY)
    for name, scores in songs.items():
        records.write(name, scores)
    for tool in ("ffmpeg", "ffprobe"):
        (tmp_path / tool).write_text("#!/bin/sh\necho ffmpeg version 7.0\n")
        (tmp_path / tool).chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", MUSEVAL, str(tmp_path / "out" / "museval")],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    expected = json.loads(done.stdout.splitlines()[-1])
    assert len(expected) == 16
    found = summarise(songs)[NETWORK]
    for row in expected:
        assert found[row["target"]][row["metric"]] == pytest.approx(row["dB"], abs=1e-6), row


def test_tables_and_boxes_show_every_song(tmp_path):
    songs = {name: made_up(i) for i, name in enumerate(("a|b", "c"))}
    assert song_table(songs, NETWORK).count("\n") == 4
    assert "| network | bass |" in summary_table(summarise(songs))
    figure = draw_boxes(songs, "two songs")
    figure.savefig(tmp_path / "boxes.png")
    assert (tmp_path / "boxes.png").stat().st_size > 5000
