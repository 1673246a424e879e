"""Frequency patterns as heat maps, one row of panels for each block or one panel for each."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lasaft_core.plots import canvas
from lasaft_core.plots.patterns import Pattern

_PERCENTILE = 99.8  # a few weights far out would leave the rest pale
_COLOURS = "RdBu_r"
_UNIT_LABELS = {"units": "unit, by frequency", "recurrent units": "recurrent unit"}


def draw_weights(patterns: Mapping[str, Sequence[Pattern]], heading: str) -> Figure:
    """Red adds, blue takes away; every block has a colour scale of its own, around 0."""
    if all(len(row) == 1 for row in patterns.values()):
        figure = _draw_grid({block: row[0] for block, row in patterns.items()})
    else:
        figure = _draw_rows(patterns)
    canvas.head(figure, heading)
    return figure


def _draw_grid(patterns: Mapping[str, Pattern]) -> Figure:
    rows, columns = canvas.grid(len(patterns), 4)
    size = 5.0 if len(patterns) == 1 else 3.0
    figure, axes = canvas.panels(rows, columns, panel=(size + 0.5, size))
    for ax, (block, pattern) in zip(axes.flat, patterns.items(), strict=False):
        image = _draw(ax, pattern, _limit([pattern]))
        ax.set_title(block, fontsize=canvas.TITLE, fontweight="bold")
        _label(ax, pattern, is_left=ax in axes[:, 0], is_last=True)
        _add_bar(figure, image, [ax])
    for ax in canvas.spare(axes, len(patterns)):
        ax.set_axis_off()
    return figure


def _draw_rows(patterns: Mapping[str, Sequence[Pattern]]) -> Figure:
    columns = max(map(len, patterns.values()))
    size = 3.4 if len(patterns) == 1 else 2.3
    figure, axes = canvas.panels(len(patterns), columns, panel=(size, size))
    for place, (block, row) in enumerate(patterns.items()):
        limit = _limit(row)
        for number, (ax, pattern) in enumerate(zip(axes[place], row, strict=False)):
            image = _draw(ax, pattern, limit)
            if place == 0:
                ax.set_title(pattern.part, fontsize=canvas.TITLE)
            is_last = place == len(patterns) - 1 or pattern.columns != "bins"
            _label(ax, pattern, is_left=number == 0, is_last=is_last)
        axes[place, 0].set_ylabel(f"{block}\n{axes[place, 0].get_ylabel()}", fontsize=canvas.LABEL)
        for ax in axes[place, len(row) :]:
            ax.set_axis_off()
        _add_bar(figure, image, list(axes[place]))
    return figure


def _draw(ax: Axes, pattern: Pattern, limit: float) -> ScalarMappable:
    over_bins = pattern.columns == "bins"
    right = pattern.top_hz if over_bins else float(pattern.values.shape[1])
    image = ax.imshow(
        pattern.values,
        origin="lower",
        aspect="auto",
        cmap=_COLOURS,
        vmin=-limit,
        vmax=limit,
        extent=(0.0, right, 0.0, pattern.top_hz),
    )
    canvas.in_kilohertz(ax, which="y")
    if over_bins:
        canvas.in_kilohertz(ax, which="x")
    return image


def _label(ax: Axes, pattern: Pattern, *, is_left: bool, is_last: bool) -> None:
    over_bins = pattern.columns == "bins"
    if is_left:
        ax.set_ylabel("output (kHz)" if over_bins else "frequency (kHz)", fontsize=canvas.LABEL)
    else:
        ax.tick_params(labelleft=False)
    if is_last:
        ax.set_xlabel(
            "input (kHz)" if over_bins else _UNIT_LABELS[pattern.columns], fontsize=canvas.LABEL
        )
    else:
        ax.tick_params(labelbottom=False)


def _limit(row: Sequence[Pattern]) -> float:
    largest = max(float(np.percentile(np.abs(p.values), _PERCENTILE)) for p in row)
    return largest or max(float(np.abs(p.values).max()) for p in row) or 1.0


def _add_bar(figure: Figure, image: ScalarMappable, axes: list[Axes]) -> None:
    bar = figure.colorbar(image, ax=axes, extend="both", pad=0.02, aspect=18)
    bar.locator = MaxNLocator(5)
    bar.update_ticks()
    bar.ax.tick_params(labelsize=canvas.LABEL - 1)
    bar.set_label("weight", fontsize=canvas.LABEL)
