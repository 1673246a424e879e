"""Spectrograms below each other, on one time axis and one scale of colours."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lasaft_core.audio.blocks import Block
from lasaft_core.errors import InvalidOption
from lasaft_core.plots import canvas
from lasaft_core.plots.decibels import FLOOR_DB, SCALES, band_levels, frequency_edges

_RANGE_DB: Final = 80.0
_ROWS: Final = 400
_TOP_HZ: Final = 22_050.0
_TICKS_HZ: Final = (50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000)


def draw_spectrograms(
    sounds: Mapping[str, tuple[Block, int]],
    heading: str,
    *,
    start_seconds: float = 0.0,
    scale: str = "log",
) -> Figure:
    """`sounds` by name: [samples, channels] and sample rate, the mixture first.

    The colours span the 80 dB below the loudest point of all. Raises InvalidOption for an
    unknown frequency scale.
    """
    if scale not in SCALES:
        raise InvalidOption("frequency scale", expected=" | ".join(SCALES), got=scale)
    top_hz = min(_TOP_HZ, max(rate for _, rate in sounds.values()) / 2)
    edges = frequency_edges(top_hz, _ROWS, scale)
    levels = {name: band_levels(audio, rate, edges) for name, (audio, rate) in sounds.items()}
    loudest = max(float(level.max()) for level in levels.values())
    loudest = loudest if loudest > FLOOR_DB else 0.0
    ends = edges[[0, -1]] if scale == "linear" else np.log10(edges[[0, -1]])
    figure, axes = canvas.panels(len(sounds), 1, panel=(9.6, 1.75))
    for ax, (name, (audio, rate)) in zip(axes.flat, sounds.items(), strict=True):
        image = ax.imshow(
            levels[name],
            origin="lower",
            aspect="auto",
            cmap="magma",
            vmin=loudest - _RANGE_DB,
            vmax=loudest,
            extent=(start_seconds, start_seconds + len(audio) / rate, *ends),
        )
        _label(ax, name, is_log=scale == "log")
    longest = max(len(audio) / rate for audio, rate in sounds.values())
    for ax in axes.flat:
        ax.set_xlim(start_seconds, start_seconds + longest)
    axes[-1, 0].tick_params(labelbottom=True)
    axes[-1, 0].set_xlabel("time (s)", fontsize=canvas.LABEL)
    bar = figure.colorbar(image, ax=axes, pad=0.01, aspect=40, extend="min")
    bar.set_label("level (dB, full-scale sine = 0)", fontsize=canvas.LABEL)
    canvas.head(figure, heading)
    return figure


def _label(ax: Axes, name: str, *, is_log: bool) -> None:
    ax.set_facecolor("black")
    ax.tick_params(labelbottom=False)
    ax.set_ylabel("kHz", fontsize=canvas.LABEL)
    if is_log:
        places = [place for place in np.log10(_TICKS_HZ) if place < ax.get_ylim()[1]]
        ax.set_yticks(places, [f"{10**place / 1000:g}" for place in places])
    else:
        canvas.in_kilohertz(ax, which="y")
    ax.text(
        0.008,
        0.93,
        name,
        transform=ax.transAxes,
        va="top",
        color="white",
        fontsize=canvas.TITLE,
        fontweight="bold",
        parse_math=False,
        bbox={"facecolor": "black", "alpha": 0.55, "edgecolor": "none", "pad": 2.5},
    )
