"""BSSEval v4: SDR, ISR, SIR and SAR of one-second frames, the package `museval`'s own figures.

Every frame of an estimate is taken apart into its true source, spatial distortion, interference
and artifacts (arXiv 1804.06267, SiSEC 2018), by filters that are found once for the whole song.
Framing, decomposition, ratios and what silence means are `museval`'s code; the filters are those
of `projection.py`, equal to `museval`'s and of less memory. A frame in which any reference or any
estimate is silent is NaN for all sources. Where a whole song's source is silent, which `museval`
refuses, every frame is such a frame.
"""

import importlib.util
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lasaft_core.errors import UsageError
from lasaft_core.evaluation.projection import Projection, Signals

METRICS: Final = ("SDR", "ISR", "SIR", "SAR")  # in the order that museval gives them


@cache
def museval_metrics() -> ModuleType:
    """`museval/metrics.py` alone: `import museval` would want ffmpeg, by way of stempeg."""
    package = importlib.util.find_spec("museval")
    if package is None or package.origin is None:
        raise UsageError(
            "the package museval is not installed", remedy="pip install 'lasaft-stems[research]'"
        )
    file = Path(package.origin).with_name("metrics.py")
    spec = importlib.util.spec_from_file_location("lasaft_museval_metrics", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class BssEval:
    """Measures estimates against one song's references, [sources, samples, 2]."""

    def __init__(self, references: Signals, sample_rate: int) -> None:
        self._metrics = museval_metrics()
        self._references, self._window = references, sample_rate
        self._projection = None if self._is_silent(references) else Projection(references)

    def __call__(self, estimates: Signals) -> NDArray[np.float64]:
        """[sources, samples, 2] -> decibels [metrics, sources, frames], in order of `METRICS`."""
        frames = self._metrics.Framing(self._window, self._window, estimates.shape[1])
        decibels = np.full((len(METRICS), len(estimates), frames.nwin), np.nan)
        if self._projection is None or self._is_silent(estimates):
            return decibels
        filters = [self._projection.filters(e, source) for source, e in enumerate(estimates)]
        for number, frame in enumerate(frames):
            references, parts = self._references[:, frame], estimates[:, frame]
            if self._is_silent(references) or self._is_silent(parts):
                continue
            for source, (every, own) in enumerate(filters):
                decibels[:, source, number] = self._ratios(
                    references, parts[source], source, every, own
                )
        return decibels

    def _ratios(self, *decomposed: object) -> tuple[float, float, float, float]:
        with np.errstate(divide="ignore"):  # nothing wanted: -inf
            parts = self._metrics._bss_decomp_mtifilt(*decomposed)
            return self._metrics._bss_crit(*parts, False)

    def _is_silent(self, signals: Signals) -> bool:
        """Whether any source is; one at a time, for the memory's sake."""
        return any(self._metrics._any_source_silent(signal[None]) for signal in signals)
