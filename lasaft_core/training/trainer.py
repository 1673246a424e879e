"""A whole training in one folder: steps, validations, checkpoints, an end; resumed by its name.

FOLDER/training.pt         the state to go on from
FOLDER/best.safetensors    the checkpoint of the best validation
FOLDER/last.safetensors    that of the last
FOLDER/log.jsonl           losses and validations (see `observers.py`)
"""

import logging
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event
from typing import Any

import torch
from torch.utils.data import DataLoader

from lasaft_core.checkpoints import Checkpoint, native
from lasaft_core.errors import InvalidOption, UsageError
from lasaft_core.models import NetworkConfig
from lasaft_core.musdb import Accompaniment, Song
from lasaft_core.separator import Separator
from lasaft_core.training.excerpts import Batch, Excerpts, steps_of_epoch
from lasaft_core.training.learner import Learner, diverged
from lasaft_core.training.observers import Observer
from lasaft_core.training.recipes import Recipe
from lasaft_core.training.state import read_state, write_state
from lasaft_core.training.validation import Validation, validate

logger = logging.getLogger(__name__)
_ENDLESS = 2**62


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What a run does beside its recipe; none of it changes the losses but `seed`.

    `begun_with`: the SHA-256 of the checkpoint whose weights the learner was given, if any.
    `loaders` processes prepare batches (0: this one). `validation_seconds` of each song are
    validated, all for None. `max_hours` end the run, not the training: it can go on.
    """

    seed: int = 0
    begun_with: str | None = None
    loaders: int = 0
    log_steps: int = 10
    save_minutes: float = 5.0
    validation_seconds: float | None = None
    max_hours: float | None = None
    name: str = "network"


class Trainer:
    """Trains `learner` by its recipe; a folder that holds a training goes on with it.

    Raises InvalidOption where that training is another one.
    """

    def __init__(self, learner: Learner, options: RunOptions, folder: Path) -> None:
        self.learner, self.options, self.folder = learner, options, folder
        self.best: float | None = None  # of all validations; it is kept
        self.best_epoch: float | None = None  # of those that count for the patience
        self.epochs_without_gain = 0
        self._pending: list[float] = []
        self._state_path = folder / "training.pt"
        if self._state_path.exists():
            self._resume()

    @property
    def recipe(self) -> Recipe:
        return self.learner.recipe

    @property
    def config(self) -> NetworkConfig:
        return self.learner.config

    @property
    def step(self) -> int:
        """Steps done, in this and in earlier runs."""
        return self.learner.step

    def fit(
        self,
        songs: Sequence[Song],
        held_out: Sequence[Song],
        observers: Sequence[Observer],
        stop: Event | None = None,
        accompaniments: Sequence[Accompaniment] = (),
    ) -> None:
        """Trains until the recipe's end, the run's last hour, or `stop`; its state is saved."""
        self._check_rates((*songs, *held_out, *accompaniments))
        epoch_steps = steps_of_epoch(songs, self.config, self.recipe)
        if self._is_converged(epoch_steps):
            return
        if self.step == 0 and self.learner.begins_trained:
            self._validate(held_out, observers)  # what there is to be better than
        started = saved = time.monotonic()
        for batch in self._batches(songs, accompaniments):
            self._update(batch, observers)
            now = time.monotonic()
            hours = (now - started) / 3600
            is_over = self.options.max_hours is not None and hours >= self.options.max_hours
            is_over = is_over or self.step == self.recipe.max_steps
            is_epoch = self.step % epoch_steps == 0
            if is_epoch or is_over:
                self._validate(held_out, observers, counts=is_epoch)
            is_over = is_over or self._is_converged(epoch_steps) or bool(stop and stop.is_set())
            if is_over or is_epoch or now - saved > self.options.save_minutes * 60:
                self._save()
                saved = now
            if is_over:
                return

    def _is_converged(self, epoch_steps: int) -> bool:
        epochs = self.step // epoch_steps
        return epochs >= self.recipe.min_epochs and self.epochs_without_gain >= self.recipe.patience

    def _batches(
        self, songs: Sequence[Song], accompaniments: Sequence[Accompaniment]
    ) -> Iterator[Batch]:
        seed = self.options.seed
        return iter(
            DataLoader(
                Excerpts(songs, self.config, self.recipe, seed=seed, accompaniments=accompaniments),
                batch_size=None,
                sampler=range(self.step, self.recipe.max_steps or _ENDLESS),
                num_workers=self.options.loaders,
                pin_memory=self.learner.device.startswith("cuda"),
            )
        )

    def _update(self, batch: Batch, observers: Sequence[Observer]) -> None:
        rate = self.learner.rate
        try:
            self._pending.append(self.learner.update(batch))
        except torch.cuda.OutOfMemoryError as error:
            raise UsageError(
                "training does not fit into the GPU's memory",
                got=f"a batch of {self.recipe.batch_size}",
                remedy="give a smaller --batch-size",
            ) from error
        if self.step % self.options.log_steps == 0:
            loss = sum(self._pending) / len(self._pending)
            self._pending = []
            for observer in observers:
                observer.on_loss(self.step, loss, rate)

    def _validate(
        self, songs: Sequence[Song], observers: Sequence[Observer], *, counts: bool = True
    ) -> None:
        """`counts`: for the patience, as the end of an epoch; the end of a run does not.

        Raises TrainingDiverged before anything that was kept is replaced.
        """
        checkpoint = Checkpoint(
            name=self.options.name,
            sha256="",
            licence=None,
            config=self.config,
            tensors=self.learner.weights(),
        )
        separator = Separator(
            checkpoint, device=self.learner.device, precision=self.learner.precision
        )
        validation = validate(separator, songs, self.options.validation_seconds)
        if not math.isfinite(validation.mean_l1):
            raise diverged(f"validation at step {self.step}", validation.mean_l1)
        is_sdr = self.recipe.criterion == "sdr_db"
        value = -validation.mean_sdr_db if is_sdr else validation.mean_l1
        self._keep("last", checkpoint, validation)
        is_best = self.best is None or value < self.best
        if is_best:
            self._keep("best", checkpoint, validation)
            self.best = value
        if counts:
            is_gain = self.best_epoch is None or value < self.best_epoch
            self.best_epoch = value if is_gain else self.best_epoch
            self.epochs_without_gain = 0 if is_gain else self.epochs_without_gain + 1
        for observer in observers:
            observer.on_validation(self.step, validation, is_best=is_best)

    def _keep(self, name: str, checkpoint: Checkpoint, validation: Validation) -> None:
        part = self.folder / f"{name}.part"
        native.write(part, self.config, checkpoint.tensors, self._card(validation))
        part.replace(self.folder / f"{name}.safetensors")

    def _card(self, validation: Validation) -> dict[str, object]:
        provenance = {
            "recipe": asdict(self.recipe),
            "seed": self.options.seed,
            "begun_with": self.options.begun_with,
            "steps": self.step,
            "validation_l1": validation.l1,
            "validation_sdr_db": validation.sdr_db,
        }
        return {"name": self.options.name, "licence": None, "provenance": provenance}

    def _check_rates(self, songs: Sequence[Song | Accompaniment]) -> None:
        for song in songs:
            if song.sample_rate != self.config.sample_rate:
                raise InvalidOption(
                    f"song {song.name}",
                    expected=f"{self.config.sample_rate} Hz, the network's rate",
                    got=f"{song.sample_rate} Hz",
                    remedy="resample the data",
                )

    def _save(self) -> None:
        progress = {
            "best": self.best,
            "best_epoch": self.best_epoch,
            "epochs_without_gain": self.epochs_without_gain,
            "pending": self._pending,
        }
        write_state(self._state_path, self._identity(), {**progress, **self.learner.state()})
        logger.debug("event=saved step=%d path=%s", self.step, self._state_path)

    def _identity(self) -> dict[str, Any]:
        """What must be the same for a training to go on as itself."""
        return {
            "seed": self.options.seed,
            "begun_with": self.options.begun_with,
            "validation_seconds": self.options.validation_seconds,
            "recipe": asdict(self.recipe),
            "network": self.config.to_dict(),
        }

    def _resume(self) -> None:
        state = read_state(self._state_path, self._identity(), self.learner.device)
        self.best, self.best_epoch = state["best"], state["best_epoch"]
        self._pending = state["pending"]
        self.epochs_without_gain = state["epochs_without_gain"]
        self.learner.load(state)
