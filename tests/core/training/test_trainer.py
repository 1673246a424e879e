"""A training learns, keeps its best, ends, and goes on exactly after a kill."""

import json
from dataclasses import replace
from threading import Event

import pytest
import torch

from lasaft_core.checkpoints import load_checkpoint
from lasaft_core.errors import InvalidOption, TrainingDiverged
from lasaft_core.musdb import find_songs
from lasaft_core.training.learner import Learner
from lasaft_core.training.observers import JsonLines, TensorBoard
from lasaft_core.training.recipes import MODERN, Recipe
from lasaft_core.training.trainer import RunOptions, Trainer
from lasaft_core.training.validation import Validation

PUBLISHED = Recipe(batch_size=4, excerpt_frames=16, epoch_steps=6, max_steps=18, min_epochs=100)
AVERAGED = replace(
    MODERN,
    batch_size=4,
    excerpt_frames=16,
    epoch_steps=6,
    max_steps=18,
    warmup_steps=4,
    dropout=None,
)
OPTIONS = RunOptions(log_steps=2, save_minutes=0.0, validation_seconds=0.5, name="tried")


def start(folder, config, recipe, options=OPTIONS, precision="float32"):
    folder.mkdir(exist_ok=True)
    learner = Learner(config, recipe, seed=options.seed, device="cpu", precision=precision)
    return Trainer(learner, options, folder)


def fit(trainer, data, stop=None):
    observers = [JsonLines(trainer.folder / "log.jsonl", trainer.step)]
    trainer.fit(find_songs(data, "train"), find_songs(data, "valid"), observers, stop)


def log_of(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


class Killed(BaseException):
    """Ends a process between two steps, whatever it had in mind."""


class Killer:
    """An observer that breaks the training off at a step, after it was told of its loss."""

    def __init__(self, step):
        self.step = step

    def on_loss(self, step, loss, rate):
        if step == self.step:
            raise Killed

    def on_validation(self, step, validation, *, is_best):
        pass


class _LastHour(Killer):
    """Lets the run end after the step that follows."""

    def __init__(self, trainer, step):
        super().__init__(None)
        self.trainer, self.at = trainer, step

    def on_validation(self, step, validation, *, is_best):
        if step == self.at:
            self.trainer.options = replace(self.trainer.options, max_hours=0.0)


@pytest.mark.parametrize(
    ("recipe", "killed_at"), [(PUBLISHED, 10), (AVERAGED, 4), (AVERAGED, 10), (AVERAGED, 12)]
)
def test_a_killed_training_resumes_with_the_same_curve(tmp_path, data, tiny, recipe, killed_at):
    whole = start(tmp_path / "whole", tiny, recipe)
    fit(whole, data)
    options = replace(OPTIONS, save_minutes=1000.0)  # only epochs are saved: some steps are lost
    broken = start(tmp_path / "broken", tiny, recipe, options)
    observers = [JsonLines(broken.folder / "log.jsonl", 0), Killer(killed_at)]
    with pytest.raises(Killed):
        broken.fit(find_songs(data, "train"), find_songs(data, "valid"), observers)
    resumed = start(tmp_path / "broken", tiny, recipe, options)
    assert resumed.step == killed_at // 6 * 6 - (6 if killed_at == 12 else 0)
    fit(resumed, data)
    assert log_of(tmp_path / "broken") == log_of(tmp_path / "whole")
    assert [line["step"] for line in log_of(tmp_path / "whole") if "loss" in line] == [
        *range(2, 19, 2)
    ]
    for name, tensor in whole.learner.weights().items():
        assert torch.equal(resumed.learner.weights()[name], tensor), name


def test_a_mixture_consistent_network_is_asked_for_all_that_a_song_consists_of(
    tmp_path, data, tiny
):
    consistent = replace(tiny, mixture_consistent=True)
    with pytest.raises(InvalidOption, match="--recipe modern"):
        start(tmp_path / "run", consistent, PUBLISHED)
    with pytest.raises(InvalidOption, match="the sum of"):
        start(tmp_path / "run", replace(consistent, targets=("vocals", "bass")), AVERAGED)
    trainer = start(tmp_path / "run", consistent, AVERAGED)
    fit(trainer, data)
    assert trainer.best is not None


def test_processes_that_prepare_batches_change_nothing(tmp_path, data, tiny):
    for loaders in (0, 2):
        trainer = start(tmp_path / str(loaders), tiny, AVERAGED, replace(OPTIONS, loaders=loaders))
        fit(trainer, data)
    assert log_of(tmp_path / "0") == log_of(tmp_path / "2")


def test_the_best_validation_is_kept_as_a_checkpoint(tmp_path, data, tiny):
    trainer = start(tmp_path / "run", tiny, PUBLISHED)
    fit(trainer, data)
    validations = [line for line in log_of(tmp_path / "run") if "l1" in line]
    assert [line["step"] for line in validations] == [6, 12, 18]
    means = [sum(line["l1"].values()) / 4 for line in validations]
    assert [line["is_best"] for line in validations] == [
        mean == min(means[: i + 1]) for i, mean in enumerate(means)
    ]
    checkpoint = load_checkpoint(str(tmp_path / "run" / "best.safetensors"))
    assert (checkpoint.name, checkpoint.config) == ("tried", tiny)
    assert trainer.best == pytest.approx(min(means))


def test_given_weights_are_what_there_is_to_be_better_than(tmp_path, data, tiny):
    first = start(tmp_path / "first", tiny, PUBLISHED)
    fit(first, data)
    given = first.learner.weights()
    second = start(tmp_path / "second", tiny, replace(PUBLISHED, learning_rate=1.0, max_steps=6))
    second.learner.start_from(given)
    fit(second, data)
    validations = [line for line in log_of(tmp_path / "second") if "l1" in line]
    assert [(line["step"], line["is_best"]) for line in validations] == [(0, True), (6, False)]
    best = load_checkpoint(str(tmp_path / "second" / "best.safetensors")).tensors
    assert all(torch.equal(best[name], given[name]) for name in given)
    last = load_checkpoint(str(tmp_path / "second" / "last.safetensors"))
    now = second.learner.weights()
    assert all(torch.equal(last.tensors[name], now[name]) for name in now)


def test_other_options_are_refused_and_named(tmp_path, data, tiny):
    fit(start(tmp_path / "run", tiny, replace(PUBLISHED, max_steps=2)), data)
    with pytest.raises(InvalidOption, match=r"recipe\.batch_size 4, now 8"):
        start(tmp_path / "run", tiny, replace(PUBLISHED, max_steps=2, batch_size=8))
    other_start = replace(OPTIONS, begun_with="0" * 64, validation_seconds=None)
    with pytest.raises(InvalidOption, match=r"begun_with None, now 0+, validation_seconds 0\.5"):
        start(tmp_path / "run", tiny, replace(PUBLISHED, max_steps=2), other_start)
    older = torch.load(tmp_path / "run" / "training.pt", weights_only=True)
    del older["identity"]["begun_with"]
    (tmp_path / "older").mkdir()
    torch.save(older, tmp_path / "older" / "training.pt")
    assert start(tmp_path / "older", tiny, replace(PUBLISHED, max_steps=2)).step == 2
    with pytest.raises(InvalidOption, match=r"network\.num_latents 2, now 3"):
        start(tmp_path / "run", replace(tiny, num_latents=3), replace(PUBLISHED, max_steps=2))


def test_a_stop_saves_and_patience_ends(tmp_path, data, tiny):
    stop = Event()
    stop.set()
    stopped = start(tmp_path / "stopped", tiny, PUBLISHED)
    fit(stopped, data, stop)
    assert start(tmp_path / "stopped", tiny, PUBLISHED).step == stopped.step == 1
    hopeless = replace(PUBLISHED, learning_rate=1e-12, min_epochs=1, patience=2, max_steps=None)
    trainer = start(tmp_path / "hopeless", tiny, hopeless)
    trainer.best_epoch = 0.0
    fit(trainer, data)
    assert trainer.step == 2 * 6
    again = start(tmp_path / "hopeless", tiny, hopeless)
    fit(again, data)
    assert again.step == 2 * 6, "a training that has ended is left alone"


def test_a_loss_that_is_no_number_ends_the_training(tmp_path, data, tiny):
    trainer = start(tmp_path / "run", tiny, replace(PUBLISHED, learning_rate=1e30))
    with pytest.raises(TrainingDiverged, match="--learning-rate"):
        fit(trainer, data)


def test_a_validation_that_is_no_number_leaves_what_was_kept(tmp_path, data, tiny):
    first = start(tmp_path / "first", tiny, replace(PUBLISHED, max_steps=1))
    fit(first, data)
    recipe = replace(PUBLISHED, learning_rate=1e30, epoch_steps=1)
    trainer = start(tmp_path / "run", tiny, recipe)
    trainer.learner.start_from(first.learner.weights())
    with pytest.raises(TrainingDiverged, match=r"validation at step 1.*--learning-rate"):
        fit(trainer, data)
    for name in ("best", "last"):
        kept = load_checkpoint(str(tmp_path / "run" / f"{name}.safetensors"))
        assert kept.origin.facts["steps"] == 0
        assert all(tensor.isfinite().all() for tensor in kept.tensors.values())
    assert not (tmp_path / "run" / "training.pt").exists()


def test_the_end_of_a_run_may_give_the_best_but_does_not_count(tmp_path, data, tiny, monkeypatch):
    distances = iter([1.0, 0.9, 0.95])  # of an epoch, a run's end, an epoch
    monkeypatch.setattr(
        "lasaft_core.training.trainer.validate",
        lambda *_: Validation({"vocals": next(distances)}, {"vocals": 0.0}),
    )
    recipe = replace(PUBLISHED, patience=1, max_steps=12)
    trainer = start(tmp_path / "run", tiny, recipe)
    trainer.fit(find_songs(data, "train"), find_songs(data, "valid"), [_LastHour(trainer, 6)])
    assert (trainer.step, trainer.best, trainer.best_epoch) == (7, 0.9, 1.0)
    resumed = start(tmp_path / "run", tiny, recipe)
    fit(resumed, data)
    assert (resumed.step, resumed.best, resumed.best_epoch) == (12, 0.9, 0.95)
    assert resumed.epochs_without_gain == 0


def test_songs_of_another_rate_are_refused(tmp_path, data, tiny):
    trainer = start(tmp_path / "run", replace(tiny, sample_rate=48000), PUBLISHED)
    with pytest.raises(InvalidOption, match="44100 Hz"):
        fit(trainer, data)


def test_mixed_precision_learns_as_full_precision_does(tmp_path, data, tiny):
    losses = {}
    for precision in ("float32", "bfloat16"):
        trainer = start(tmp_path / precision, tiny, AVERAGED, precision=precision)
        before = {name: tensor.clone() for name, tensor in trainer.learner.weights().items()}
        fit(trainer, data)
        after = trainer.learner.weights()
        assert not any(torch.equal(before[n], after[n]) for n in after if n.endswith("weight"))
        log = log_of(tmp_path / precision)
        losses[precision] = [line["loss"] for line in log if "loss" in line]
    assert losses["bfloat16"] == pytest.approx(losses["float32"], rel=0.05)
    assert losses["bfloat16"] != losses["float32"]


def test_tensorboard_holds_losses_and_validations(tmp_path, data, tiny):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    trainer = start(tmp_path / "run", tiny, PUBLISHED)
    board = TensorBoard(tmp_path / "run", 0)
    trainer.fit(find_songs(data, "train"), find_songs(data, "valid"), [board])
    events = EventAccumulator(str(tmp_path / "run"))
    events.Reload()
    assert {"loss", "rate", "l1/vocals", "sdr_db/mean"} <= set(events.Tags()["scalars"])
    assert [event.step for event in events.Scalars("loss")] == [*range(2, 19, 2)]
