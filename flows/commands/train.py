"""`lasaft-stems train`: one training run, on this machine; it goes on with what --out holds."""

import argparse
import threading
from dataclasses import replace
from pathlib import Path

from flows.commands.console import say
from flows.interruption import Interruption
from flows.training_screen import training_screen
from lasaft_core.checkpoints import Checkpoint, load_checkpoint
from lasaft_core.errors import InvalidOption
from lasaft_core.estimator import resolve_device, resolve_precision
from lasaft_core.models import PRESETS, NetworkConfig
from lasaft_core.musdb import TARGETS, find_accompaniments, find_songs
from lasaft_core.training.initialisation import can_grow_into, grown
from lasaft_core.training.learner import Learner
from lasaft_core.training.observers import JsonLines, Observer, TensorBoard
from lasaft_core.training.recipes import Recipe, recipe_of
from lasaft_core.training.trainer import RunOptions, Trainer

OVERRIDES = (
    "batch_size", "excerpt_frames", "learning_rate", "warmup_steps", "ema_decay", "max_steps",
    "epoch_steps", "patience",
)  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    config = _network(arguments.preset, arguments.target)
    recipe = _recipe(arguments)
    data, out = Path(arguments.data), Path(arguments.out)
    songs, held_out = find_songs(data, "train", estimated=True), find_songs(data, "valid")
    out.mkdir(parents=True, exist_ok=True)
    begun_with = None if arguments.init is None else load_checkpoint(arguments.init)
    learner = _learner(config, recipe, arguments, begun_with)
    trainer = Trainer(learner, _run_options(arguments, begun_with), out)
    observers: list[Observer] = [
        JsonLines(out / "log.jsonl", trainer.step),
        TensorBoard(out, trainer.step),
    ]
    stop = threading.Event()
    with Interruption(stop), training_screen(trainer.step, recipe.max_steps) as screen:
        watching = [*observers, screen]
        trainer.fit(songs, held_out, watching, stop, accompaniments=find_accompaniments(data))
    say(f"{trainer.step} steps; best {_best(trainer)}; {out / 'best.safetensors'}")
    return 130 if stop.is_set() else 0


def _network(preset: str, target: str | None) -> NetworkConfig:
    if preset not in PRESETS:
        raise InvalidOption("preset", expected=" | ".join(PRESETS), got=preset)
    config = PRESETS[preset]
    if target is None:
        return config
    if config.is_conditioned or target not in TARGETS:
        expected = "none for a network of all targets" if config.is_conditioned else TARGETS
        raise InvalidOption("--target", expected=expected, got=target)
    return replace(config, targets=(target,))


def _recipe(arguments: argparse.Namespace) -> Recipe:
    given = {name: getattr(arguments, name) for name in OVERRIDES}
    changes = {name: value for name, value in given.items() if value is not None}
    return replace(recipe_of(arguments.recipe, arguments.preset), **changes)


def _learner(
    config: NetworkConfig,
    recipe: Recipe,
    arguments: argparse.Namespace,
    begun_with: Checkpoint | None,
) -> Learner:
    device = resolve_device(arguments.device)
    precision = resolve_precision(arguments.precision, device)
    learner = Learner(
        config,
        recipe,
        seed=arguments.seed,
        device=device,
        precision=precision,
        compiles=arguments.compile,
    )
    if begun_with is not None:
        if not can_grow_into(begun_with.config, config):
            raise InvalidOption(
                "--init",
                expected=f"a checkpoint of {arguments.preset}, or of one with shallower blocks",
                got=begun_with.name,
            )
        learner.start_from(grown(begun_with.build(), learner.network))
    return learner


def _run_options(arguments: argparse.Namespace, begun_with: Checkpoint | None) -> RunOptions:
    return RunOptions(
        seed=arguments.seed,
        begun_with=None if begun_with is None else begun_with.sha256,
        loaders=arguments.loaders,
        save_minutes=arguments.save_minutes,
        validation_seconds=arguments.validation_seconds,
        max_hours=arguments.max_hours,
        name=Path(arguments.out).name,
    )


def _best(trainer: Trainer) -> str:
    if trainer.best is None:
        return "none yet, no validation was reached"
    if trainer.recipe.criterion == "l1":
        return f"L1 {trainer.best:.5f}"
    return f"SDR {-trainer.best:.2f} dB"
