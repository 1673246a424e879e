"""One step of training: a batch in, a loss out, weights and their average moved on.

A step depends on the weights, the optimiser's state, the batch and the step's number alone, so
that a training that was broken off goes on as if nothing had happened.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from lasaft_core.errors import InvalidOption, TrainingDiverged
from lasaft_core.models import NetworkConfig
from lasaft_core.musdb import TARGETS
from lasaft_core.spectral import ComplexAsChannels
from lasaft_core.training.excerpts import Batch, as_wanted
from lasaft_core.training.initialisation import new_network, set_dropout
from lasaft_core.training.losses import LOSSES
from lasaft_core.training.optimisers import optimisers_for
from lasaft_core.training.recipes import Recipe

_SMALLEST_RATE_SHARE = 1e-3


class Learner:
    """Network, average and optimisers. `device` and `precision` are resolved names.

    `compiles`: the network runs as torch.compile makes it, which takes minutes and pays for
    itself in a long training; it needs a C++ compiler on a CPU. Raises InvalidOption where the
    network can't learn by the recipe.
    """

    def __init__(
        self,
        config: NetworkConfig,
        recipe: Recipe,
        *,
        seed: int,
        device: str,
        precision: str,
        compiles: bool = False,
    ) -> None:
        _check_fits(config, recipe)
        self.config, self.recipe, self.seed = config, recipe, seed
        self.device, self.precision = device, precision
        self.step = 0
        self.begins_trained = False
        with self._random(0):
            network = new_network(config, recipe.initialisation)
        set_dropout(network, recipe.dropout)
        self.network = network.to(device).train()
        self._forward = torch.compile(self.network) if compiles else self.network
        self.average = _average(self.network, recipe.ema_decay)
        self.spectral = ComplexAsChannels.of(config).to(device)
        self.optimisers = optimisers_for(
            self.network,
            recipe.optimiser,
            rate=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
        )

    def update(self, batch: Batch) -> float:
        """One step; its loss. Raises TrainingDiverged where that is no finite number."""
        batch = Batch(*(part.to(self.device, non_blocking=True) for part in batch))
        self._set_rate()
        with self._random(self.step + 1):
            loss = self._loss(batch)
            self.network.zero_grad()
            loss.backward()
        if self.recipe.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip_norm)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise diverged(f"training step {self.step + 1}", value)
        for optimiser in self.optimisers:
            optimiser.step()
        if self.average is not None:
            self.average.update_parameters(self.network)
        self.step += 1
        return value

    def _loss(self, batch: Batch) -> Tensor:
        kind = self.device.partition(":")[0]
        with torch.autocast(kind, torch.bfloat16, enabled=self.precision == "bfloat16"):
            estimate = self._forward(self.spectral(batch.mixtures), batch.targets)
        comparable = as_wanted(estimate.float(), batch.joined)
        return LOSSES[self.recipe.loss](comparable, batch.wanted, self.spectral)

    @property
    def rate(self) -> float:
        """The learning rate of the next step."""
        recipe = self.recipe
        share = min(1.0, (self.step + 1) / max(1, recipe.warmup_steps))
        if recipe.rate == "cosine" and recipe.max_steps is not None:
            falling = 0.5 * (1 + math.cos(math.pi * min(1.0, self.step / recipe.max_steps)))
            share *= max(_SMALLEST_RATE_SHARE, falling)
        return recipe.learning_rate * share

    def _set_rate(self) -> None:
        for group in (group for part in self.optimisers for group in part.param_groups):
            group["lr"] = self.rate

    @contextmanager
    def _random(self, step: int) -> Iterator[None]:
        """torch's generators, seeded for a step and left as they were."""
        devices = [torch.cuda.current_device()] if self.device.startswith("cuda") else []
        with torch.random.fork_rng(devices):
            torch.manual_seed(int(np.random.SeedSequence((self.seed, step)).generate_state(1)[0]))
            yield

    def weights(self) -> dict[str, Tensor]:
        """What is validated and kept: the average where there is one, on the host."""
        network = self.network if self.average is None else self.average.module
        return {name: tensor.detach().cpu() for name, tensor in network.state_dict().items()}

    def start_from(self, weights: dict[str, Tensor]) -> None:
        """Begins with these weights in place of drawn ones."""
        self.begins_trained = True
        self.network.load_state_dict(weights)
        self.average = _average(self.network, self.recipe.ema_decay)

    def state(self) -> dict[str, Any]:
        """Everything that `load` needs to go on exactly."""
        return {
            "step": self.step,
            "network": self.network.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
            "average": None if self.average is None else self.average.state_dict(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Back from `state`."""
        self.step = state["step"]
        self.network.load_state_dict(state["network"])
        for optimiser, known in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(known)
        if self.average is not None:
            self.average.load_state_dict(state["average"])


def _check_fits(config: NetworkConfig, recipe: Recipe) -> None:
    """Raises InvalidOption where the network can't learn by the recipe."""
    if not config.mixture_consistent:
        return
    if set(config.targets) != set(TARGETS):
        raise InvalidOption(
            "targets of a mixture-consistent network",
            expected=f"{', '.join(TARGETS)}, which songs are the sum of",
            got=", ".join(config.targets),
        )
    if not recipe.mixing.asks_all_targets:
        raise InvalidOption(
            "recipe",
            expected="one that asks for all targets of a mixture, which this network shares out",
            got="one that draws a target",
            remedy="train it with --recipe modern",
        )


def diverged(where: str, loss: float) -> TrainingDiverged:
    """The error of a loss that is no finite number."""
    return TrainingDiverged(
        where,
        expected="a finite loss",
        got=loss,
        remedy="train with a smaller --learning-rate or with --precision float32",
    )


def _average(network: nn.Module, decay: float | None) -> AveragedModel | None:
    if decay is None:
        return None
    return AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)
