"""The training loop: AdamW, warm-up and cosine rate over a time budget, EMA, exact resume.

The rate follows the share of the budget that is spent, so that a run on a slower machine takes
fewer steps and still ends annealed.
"""

import logging
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from lasaft_core.metrics import sdr_db
from lasaft_core.models import NetworkConfig, UNet
from lasaft_core.spectral import ComplexAsChannels
from lasaft_core.training.excerpts import Excerpts, Songs

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """`minutes` of optimisation, batch size, peak rate, steps between checkpoints."""

    minutes: float = 30.0
    batch_size: int = 8
    learning_rate: float = 2e-3
    warmup_share: float = 0.02
    ema_decay: float = 0.99
    save_every_steps: int = 50
    seed: int = 0


class Trainer:
    """Trains one network; its whole state lives in `folder/training.pt`."""

    def __init__(self, config: NetworkConfig, options: TrainingOptions, folder: Path) -> None:
        torch.manual_seed(options.seed)
        self.config, self.options = config, options
        self.path = folder / "training.pt"
        self.network = UNet(config)
        for module in self.network.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0  # a handful of conditions can't be overfitted
        self.average = torch.optim.swa_utils.AveragedModel(
            self.network,
            multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(options.ema_decay),
            use_buffers=True,
        )
        self.spectral = ComplexAsChannels.of(config)
        self.optimiser = torch.optim.AdamW(self.network.parameters(), weight_decay=1e-3)
        self.step, self.seconds = 0, 0.0
        if self.path.exists():
            self._resume()

    @property
    def excerpt_samples(self) -> int:
        """Samples of one training item: shorter than a window, so that a batch has more songs."""
        return self.config.hop_samples * (self.config.num_frames // 2 - 1)

    def fit(self, excerpts: Excerpts) -> None:
        """Trains until the budget is spent; checkpoints on the way."""
        self.network.train()
        while self.seconds < 60 * self.options.minutes:
            started = time.monotonic()
            loss = self._update(excerpts)
            self.step += 1
            self.seconds += time.monotonic() - started
            if self.step % self.options.save_every_steps == 0:
                logger.info("step=%d seconds=%.0f loss=%.4f", self.step, self.seconds, loss)
                self._save()
        self._save()

    def _update(self, excerpts: Excerpts) -> float:
        mix, wanted, targets = (
            torch.from_numpy(a) for a in excerpts.batch(self.options.batch_size)
        )
        for group in self.optimiser.param_groups:
            group["lr"] = self._rate()
        with torch.autocast("cpu", torch.bfloat16):
            estimate = self.network(self.spectral(mix), targets)
        loss = self._loss(estimate.float(), wanted)
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimiser.step()
        self.average.update_parameters(self.network)
        return float(loss.detach())

    def _loss(self, estimate: Tensor, wanted: Tensor) -> Tensor:
        """5 x L1 of the waveform + 0.3 x L1 of the complex spectrogram."""
        waveform = self.spectral.inverse(estimate, wanted.shape[-1])
        spectral = (estimate - self.spectral(wanted)).abs().mean()
        return 5.0 * (waveform - wanted).abs().mean() + 0.3 * spectral

    def _rate(self) -> float:
        share = min(1.0, self.seconds / (60 * self.options.minutes))
        warm = min(1.0, share / self.options.warmup_share + 0.02)
        return self.options.learning_rate * warm * 0.5 * (1 + math.cos(math.pi * share)) + 1e-6

    def _save(self) -> None:
        part = self.path.with_suffix(".part")
        state = {name: getattr(self, name).state_dict() for name in _STATEFUL}
        torch.save({**state, "step": self.step, "seconds": self.seconds}, part)
        part.replace(self.path)

    def _resume(self) -> None:
        state = torch.load(self.path, weights_only=True)
        for name in _STATEFUL:
            getattr(self, name).load_state_dict(state[name])
        self.step, self.seconds = state["step"], state["seconds"]

    def export(self) -> dict[str, Tensor]:
        """The averaged weights."""
        return {k: v.clone() for k, v in self.average.module.state_dict().items()}

    def validate(self, songs: Songs) -> dict[str, tuple[float, float]]:
        """Mean over songs per target: (SDR of the estimate, SDR of the mixture), dB."""
        network = UNet(self.config)
        network.load_state_dict(self.export())
        network.eval()
        scores = np.mean([self._scores(network, np.asarray(s, np.float32)) for s in songs], axis=0)
        return {
            t: (float(e), float(m)) for t, (e, m) in zip(self.config.targets, scores, strict=True)
        }

    def _scores(self, network: nn.Module, stems: np.ndarray) -> list[tuple[float, float]]:
        length = stems.shape[1] // self.config.window_samples * self.config.window_samples
        cut = stems[:, :length].reshape(len(stems), -1, self.config.window_samples, 2)
        mix = torch.from_numpy(cut.sum(axis=0).transpose(0, 2, 1).copy())  # windows, 2, samples
        scores = []
        for index, reference in enumerate(cut.transpose(0, 1, 3, 2)):
            with torch.inference_mode():
                target = torch.full((len(mix),), index)
                spectrogram = network(self.spectral(mix), target)
                estimate = self.spectral.inverse(spectrogram, self.config.window_samples).numpy()
            scores.append((sdr_db(reference, estimate), sdr_db(reference, mix.numpy())))
        return scores


_STATEFUL = ("network", "average", "optimiser")
