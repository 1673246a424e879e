"""Latent-source attention as heat maps: targets down, latent sources across, a panel a block."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from lasaft_core.plots import canvas

_MOST_COLUMNS_WITH_NUMBERS = 12
_CELL_INCHES = 0.52


def draw_attention(
    attention: Mapping[str, NDArray[np.float32]], targets: Sequence[str], heading: str
) -> Figure:
    """`attention` by block, [targets, latent sources]; one colour scale from 0 for all panels."""
    latents = next(iter(attention.values())).shape[1]
    rows, columns = canvas.grid(len(attention), 3)
    size = (max(2.4, latents * _CELL_INCHES), max(1.6, len(targets) * _CELL_INCHES + 0.5))
    figure, axes = canvas.panels(rows, columns, panel=size)
    top = max(float(values.max()) for values in attention.values())
    for ax, (block, values) in zip(axes.flat, attention.items(), strict=False):
        image = _draw(ax, values, top)
        ax.set_title(block, fontsize=canvas.TITLE, fontweight="bold")
        ax.set_yticks(range(len(targets)), targets if ax in axes[:, 0] else [])
        if latents <= _MOST_COLUMNS_WITH_NUMBERS:
            _write_numbers(ax, values, top)
    for ax in canvas.spare(axes, len(attention)):
        ax.set_axis_off()
    bar = figure.colorbar(image, ax=axes, pad=0.02)
    bar.set_label("attention (a row sums to 1)", fontsize=canvas.LABEL)
    figure.supxlabel("latent source", fontsize=canvas.LABEL)
    canvas.head(figure, heading)
    return figure


def _draw(ax: Axes, values: NDArray[np.float32], top: float) -> AxesImage:
    image = ax.imshow(values, cmap="viridis", vmin=0.0, vmax=top, aspect="auto")
    step = -(-values.shape[1] // _MOST_COLUMNS_WITH_NUMBERS)
    ax.set_xticks(range(0, values.shape[1], step))
    ax.tick_params(length=0, labelsize=canvas.LABEL)
    return image


def _write_numbers(ax: Axes, values: NDArray[np.float32], top: float) -> None:
    for (row, column), value in np.ndenumerate(values):
        colour = "black" if value > 0.6 * top else "white"
        text = f"{value:.2f}".lstrip("0") if value < 0.995 else "1"
        ax.text(
            column, row, text, ha="center", va="center", color=colour, fontsize=canvas.LABEL - 1
        )
