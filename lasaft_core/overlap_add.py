"""Which samples each window sees, which it gives, and how neighbours cross-fade. Pure numpy.

It knows no model. A window sees `window_samples`; the outer `context_samples` on each side are
thrown away, the `kept_samples` between them are the estimate:

              |<- context ->|<------------- kept ------------->|<- context ->|
    window i:  ~~~~~~~~~~~~~ ================================== ~~~~~~~~~~~~~
    window i+1:              |<------ stride ------>|
                              ~~~~~~~~~~~~~~~~~~~~~ ================================== ~~~~~~
    weights:   1 ------------------------------\\   /------------------------- 1
                                                 \\ /
                                                 / \\     fade = kept - stride samples;
    the pair sums to 1 at every sample          /   \\    overlap = fade / kept

Before the first and after the last sample there are zeros. With overlap 0 the kept parts are
laid end to end, as in the code published with arXiv 2010.11631 (which gets overlap wrong).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lasaft_core.errors import InvalidOption

Audio = NDArray[np.float32]
# Windows [batch, window_samples, channels] -> {target: estimates of the same shape}.
Estimate = Callable[[Audio], Mapping[str, Audio]]


@dataclass(frozen=True, slots=True)
class WindowPlan:
    """Sizes in samples; `overlap` is the share of the kept part that neighbours share."""

    window_samples: int
    context_samples: int
    overlap: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.overlap <= 0.5:
            raise InvalidOption("overlap", expected="0 to 0.5", got=self.overlap)
        if self.kept_samples < 2:
            raise InvalidOption(
                "window",
                expected=f"more than twice its context of {self.context_samples} samples",
                got=f"{self.window_samples} samples",
            )

    @property
    def kept_samples(self) -> int:
        """What is left of a window without its context."""
        return self.window_samples - 2 * self.context_samples

    @property
    def fade_samples(self) -> int:
        """What neighbours share."""
        return int(self.overlap * self.kept_samples)

    @property
    def stride_samples(self) -> int:
        """From one window's start to the next one's."""
        return self.kept_samples - self.fade_samples

    def num_windows(self, length: int) -> int:
        """How many windows cover `length` samples."""
        return 1 + max(0, -(-(length - self.kept_samples) // self.stride_samples))


def checked(audio: Audio, what: str) -> Audio:
    """As float32. Raises InvalidOption for integers, since they may mean any full scale, and for
    what is not finite."""
    audio = np.asarray(audio)
    if not np.issubdtype(audio.dtype, np.floating):
        raise InvalidOption(what, expected="floats of full scale 1.0", got=audio.dtype)
    if not np.isfinite(audio).all():
        raise InvalidOption(what, expected="finite samples", got="NaN or infinity")
    return audio.astype(np.float32, copy=False)


class OverlapAdd:
    """Streams any number of samples through `estimate`; what comes out is as long as what went in.

    Memory is bounded by one batch of windows. Batches depend on the samples alone, never on how
    they were cut into blocks. A window of digital silence is not estimated: it stays silence.
    """

    def __init__(
        self,
        plan: WindowPlan,
        estimate: Estimate,
        targets: Sequence[str],
        *,
        channels: int = 2,
        batch_size: int = 1,
    ) -> None:
        self.plan, self.estimate, self.targets = plan, estimate, tuple(targets)
        self.batch_size = batch_size
        # Input from the next window's first sample on, its leading context included.
        self._input = np.zeros((plan.context_samples, channels), np.float32)
        self._waiting: list[Audio] = []  # windows of the batch to come, silent ones included
        self._tails: dict[str, Audio] = {}  # last window's shared part, not yet faded
        self._received = self._windows = self._emitted = 0
        self._is_finished = False

    def push(self, block: Audio) -> dict[str, Audio]:
        """[n, channels] in; out what is finished, {target: [m, channels]}, m may be 0.

        Raises InvalidOption for other shapes, integers, what is not finite, and after `finish`.
        """
        channels = self._input.shape[1]
        if np.ndim(block) != 2 or np.shape(block)[1] != channels:
            raise InvalidOption("block", expected=f"[samples, {channels}]", got=np.shape(block))
        block = checked(block, "block")
        self._check_goes_on()
        self._received += len(block)
        self._input = np.concatenate((self._input, block))
        outputs = []
        # One sample more than a window is needed to know that it is not the last one.
        while len(self._input) > self.plan.window_samples:
            outputs += self._cut_window()
        return self._joined(outputs)

    def finish(self) -> dict[str, Audio]:
        """The rest: everything that was pushed and not yet returned. Once for each stream."""
        self._check_goes_on()
        self._is_finished = True
        total = self.plan.num_windows(self._received)
        missing = (total - self._windows - 1) * self.plan.stride_samples + self.plan.window_samples
        padding = max(0, missing - len(self._input))
        self._input = np.pad(self._input, ((0, padding), (0, 0)))
        outputs = []
        while self._windows < total:
            outputs += self._cut_window()
        outputs += self._run_batch()
        outputs.append(self._tails)
        rest = self._received - self._emitted
        self._emitted = self._received
        return {t: audio[:rest] for t, audio in self._joined(outputs, count=False).items()}

    def _check_goes_on(self) -> None:
        if self._is_finished:
            raise InvalidOption(
                "stream", expected="one song", got="more after its end", remedy="begin another one"
            )

    def _cut_window(self) -> list[dict[str, Audio]]:
        self._waiting.append(self._input[: self.plan.window_samples].copy())
        self._input = self._input[self.plan.stride_samples :]
        self._windows += 1
        audible = sum(bool(w.any()) for w in self._waiting)
        is_full = audible >= self.batch_size or len(self._waiting) >= 4 * self.batch_size
        return self._run_batch() if is_full else []

    def _run_batch(self) -> list[dict[str, Audio]]:
        """Estimates the waiting windows and fades each into its predecessor."""
        audible = [i for i, w in enumerate(self._waiting) if w.any()]
        stems: Mapping[str, Audio] = {}
        if audible:
            stems = self.estimate(np.stack([self._waiting[i] for i in audible]))
        silence = np.zeros((self.plan.kept_samples, self._input.shape[1]), np.float32)
        kept = slice(
            self.plan.context_samples, self.plan.window_samples - self.plan.context_samples
        )
        outputs = []
        for i in range(len(self._waiting)):
            if i in audible:
                parts = {t: stems[t][audible.index(i)][kept] for t in self.targets}
            else:
                parts = dict.fromkeys(self.targets, silence)
            outputs.append({t: self._faded(t, part) for t, part in parts.items()})
        self._waiting = []
        return outputs

    def _faded(self, target: str, part: Audio) -> Audio:
        """Fades the part's head into the tail that waits; keeps the part's own tail back."""
        stride, fade = self.plan.stride_samples, self.plan.fade_samples
        tail, self._tails[target] = self._tails.get(target), part[stride:].copy()
        if tail is None or fade == 0:
            return part[:stride]
        rise = ((np.arange(fade, dtype=np.float32) + 0.5) / fade)[:, None]
        head = tail + rise * (part[:fade] - tail)
        return np.concatenate((head, part[fade:stride]))

    def _joined(self, outputs: list[dict[str, Audio]], *, count: bool = True) -> dict[str, Audio]:
        empty = np.zeros((0, self._input.shape[1]), np.float32)
        joined = {
            t: np.concatenate([empty, *(o[t] for o in outputs if t in o)]) for t in self.targets
        }
        if count:
            self._emitted += len(joined[self.targets[0]])
        return joined
