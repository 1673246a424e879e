"""Who is told of a training's course: a log of JSON lines, TensorBoard, a screen.

What is written is true of a resumed run as well: lines past the step that it resumes from are
dropped first.
"""

import json
from pathlib import Path
from typing import Protocol

from lasaft_core.errors import UsageError
from lasaft_core.training.validation import Validation


class Observer(Protocol):
    """Told of mean training losses and of validations, in the order of their steps."""

    def on_loss(self, step: int, loss: float, rate: float) -> None: ...

    def on_validation(self, step: int, validation: Validation, *, is_best: bool) -> None: ...


class JsonLines:
    """`log.jsonl`: {"step", "loss", "rate"} and {"step", "l1", "sdr_db", "is_best"} lines."""

    def __init__(self, path: Path, first_step: int) -> None:
        self._path = path
        lines = path.read_text().splitlines() if path.exists() else []
        kept = [line for line in lines if json.loads(line)["step"] <= first_step]
        path.write_text("".join(f"{line}\n" for line in kept))

    def on_loss(self, step: int, loss: float, rate: float) -> None:
        self._write({"step": step, "loss": loss, "rate": rate})

    def on_validation(self, step: int, validation: Validation, *, is_best: bool) -> None:
        self._write(
            {
                "step": step,
                "l1": validation.l1,
                "sdr_db": validation.sdr_db,
                "is_best": is_best,
            }
        )

    def _write(self, facts: dict[str, object]) -> None:
        with self._path.open("a") as file:
            file.write(json.dumps(facts) + "\n")


class TensorBoard:
    """Scalars `loss`, `rate`, `l1/TARGET` and `sdr_db/TARGET` in a folder of event files."""

    def __init__(self, folder: Path, first_step: int) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415  an extra's package
        except ImportError as error:
            raise UsageError(
                "TensorBoard is not installed", remedy="pip install 'lasaft-stems[research]'"
            ) from error
        self._writer = SummaryWriter(folder, purge_step=first_step + 1)

    def on_loss(self, step: int, loss: float, rate: float) -> None:
        self._add("loss", loss, step)
        self._add("rate", rate, step)

    def on_validation(self, step: int, validation: Validation, *, is_best: bool) -> None:
        del is_best
        for name in ("l1", "sdr_db"):
            for target, value in getattr(validation, name).items():
                self._add(f"{name}/{target}", value, step)
        self._add("l1/mean", validation.mean_l1, step)
        self._add("sdr_db/mean", validation.mean_sdr_db, step)
        self._writer.flush()

    def _add(self, name: str, value: float, step: int) -> None:
        self._writer.add_scalar(name, value, step)
