"""The tiny preset learns one song by heart, through the whole of training and separation."""

import json

import numpy as np
import soundfile

from lasaft_core import Separator
from lasaft_core.metrics import sdr_db
from lasaft_core.models import PRESETS
from lasaft_core.musdb import find_songs
from lasaft_core.training.learner import Learner
from lasaft_core.training.observers import JsonLines
from lasaft_core.training.recipes import Mixing, Recipe
from lasaft_core.training.trainer import RunOptions, Trainer

RATE = 44100


def synthetic_song():
    """Three seconds: swelling harmonics, noise bursts, a low tone that changes, a chord."""
    seconds = np.arange(3 * RATE) / RATE

    def tone(hertz):
        return np.sin(2 * np.pi * hertz * seconds)

    noise = np.diff(np.random.default_rng(0).standard_normal(seconds.size), n=2, prepend=(0, 0))
    tracks = {
        "vocals": 0.2 * (tone(660) + 0.5 * tone(1320) + 0.3 * tone(1980)) * tone(0.5) ** 2,
        "drums": 0.1 * noise * np.exp(-20 * (seconds % 0.5)),
        "bass": 0.3 * np.where(seconds % 1 < 0.5, tone(82.4), tone(110.0)),
        "other": 0.1 * (tone(261.6) + tone(329.6) + tone(392.0)),
    }
    return {name: np.stack((track, 0.8 * track), axis=1) for name, track in tracks.items()}


def test_tiny_preset_overfits_one_song_beyond_fifteen_decibels(tmp_path):
    for split in ("train", "valid"):
        folder = tmp_path / split / "song"
        folder.mkdir(parents=True)
        for name, track in synthetic_song().items():
            soundfile.write(folder / f"{name}.wav", track, RATE)
    songs = find_songs(tmp_path, "train")
    recipe = Recipe(
        learning_rate=1e-2, rate="cosine", warmup_steps=20, batch_size=4, excerpt_frames=8,
        dropout=0.0, clip_norm=5.0, initialisation="torch", epoch_steps=300, max_steps=300,
        mixing=Mixing(coherent_share=1.0),
    )  # fmt: skip
    learner = Learner(PRESETS["lasaft-tiny"], recipe, seed=0, device="cpu", precision="float32")
    trainer = Trainer(learner, RunOptions(name="tiny"), tmp_path)
    trainer.fit(songs, find_songs(tmp_path, "valid"), [JsonLines(tmp_path / "log.jsonl", 0)])
    stems = Separator.load(str(tmp_path / "best.safetensors"), device="cpu").separate(
        songs[0].read("mixture")
    )
    scores = {target: sdr_db(songs[0].read(target), stem) for target, stem in stems.items()}
    assert np.mean(list(scores.values())) > 15, scores
    assert min(scores.values()) > 10, scores
    losses = [
        json.loads(line).get("loss") for line in (tmp_path / "log.jsonl").read_text().splitlines()
    ]
    assert losses[0] > 10 * losses[-2]
