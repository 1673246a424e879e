"""What all figures share: type sizes for a talk, panels laid out in rows, axes in kHz."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

LABEL, TITLE, HEADING = 10, 11, 14  # points
KILOHERTZ: Final = FuncFormatter(lambda hz, _: f"{hz / 1000:g}")


def panels(rows: int, columns: int, *, panel: tuple[float, float]) -> tuple[Figure, np.ndarray]:
    """A figure and its axes [rows, columns]; `panel` is width and height in inches."""
    width, height = columns * panel[0] + 1.2, rows * panel[1] + 0.9
    figure = Figure(figsize=(max(width, 5.0), height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for ax in axes.flat:
        ax.tick_params(labelsize=LABEL - 1)
    return figure, axes


def head(figure: Figure, text: str) -> None:
    """The figure's heading, smaller where long; signs that mean something to matplotlib do not."""
    fitting = figure.get_figwidth() * 72 / (0.6 * max(1, len(text)))
    figure.suptitle(text, fontsize=min(HEADING, fitting), parse_math=False)


def grid(count: int, most_columns: int) -> tuple[int, int]:
    """Rows and columns for `count` panels of equal rank, the rows about equally full."""
    rows = -(-count // most_columns)
    return rows, -(-count // rows)


def spare(axes: np.ndarray, used: int) -> Iterator[Axes]:
    """The axes behind the used ones."""
    yield from list(axes.flat)[used:]


def in_kilohertz(ax: Axes, *, which: str) -> None:
    """Few and round ticks on a linear axis in Hz."""
    axis = ax.xaxis if which == "x" else ax.yaxis
    axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(KILOHERTZ)
