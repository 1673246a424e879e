"""An evaluation as Markdown tables and as a box plot of the songs' SDR."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from lasaft_core.evaluation.scores import Scores
from lasaft_core.evaluation.summary import Summary, song_figures

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLUMNS: Final = {
    "SDR": "SDR",
    "ISR": "ISR",
    "SIR": "SIR",
    "SAR": "SAR",
    "sdr_db": "whole-song SDR",
    "mean_sdr_db": "its mean",
    "si_sdr_db": "SI-SDR",
}
_COLOURS: Final = ("tab:blue", "lightgrey", "tab:olive")


def summary_table(summary: Summary) -> str:
    """One row for each estimator and target; decibels."""
    lines = [f"| estimate | target | {' | '.join(_COLUMNS.values())} |"]
    lines.append("|---" * (2 + len(_COLUMNS)) + "|")
    for estimator, targets in summary.items():
        for target, figures in targets.items():
            cells = (_cell(figures[name]) for name in _COLUMNS)
            lines.append(f"| {estimator} | {target} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def song_table(songs: Mapping[str, Scores], estimator: str) -> str:
    """Median SDR of one estimator's frames, a row for each song."""
    targets = list(next(iter(songs.values()))[estimator])
    lines = [f"| song | {' | '.join(targets)} |", "|---" * (1 + len(targets)) + "|"]
    for song, scores in songs.items():
        cells = (_cell(song_figures(scores[estimator][target])["SDR"]) for target in targets)
        lines.append(f"| {song.replace('|', ' ')} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def draw_boxes(songs: Mapping[str, Scores], heading: str) -> "Figure":
    """SDR of every song (median over frames): a box for each target and estimator."""
    from matplotlib.figure import Figure  # noqa: PLC0415  an extra's package
    from matplotlib.patches import Patch  # noqa: PLC0415

    first = next(iter(songs.values()))
    targets, width = list(next(iter(first.values()))), 0.8 / len(first)
    figure = Figure(figsize=(2.0 + 1.8 * len(targets), 4.5), layout="constrained")
    axes = figure.add_subplot()
    for place, (estimator, colour) in enumerate(zip(first, _COLOURS, strict=False)):
        values = [_known_sdr(songs, estimator, target) for target in targets]
        at = [i + (place - (len(first) - 1) / 2) * width for i in range(len(targets))]
        boxes = axes.boxplot(values, positions=at, widths=0.85 * width, patch_artist=True)
        for box, median in zip(boxes["boxes"], boxes["medians"], strict=True):
            box.set_facecolor(colour)
            median.set_color("black")
        for place_of_box, songs_of_box in zip(at, values, strict=True):
            axes.plot([place_of_box] * len(songs_of_box), songs_of_box, ".", color=colour, mec="k")
    axes.set_xticks(range(len(targets)), targets)
    axes.set_ylabel("SDR, median over frames / dB")
    axes.set_title(heading)
    axes.grid(axis="y", alpha=0.4)
    handles = [Patch(facecolor=c, label=e) for e, c in zip(first, _COLOURS, strict=False)]
    axes.legend(handles=handles, loc="best", fontsize="small")
    return figure


def _known_sdr(songs: Mapping[str, Scores], estimator: str, target: str) -> list[float]:
    found = (song_figures(scores[estimator][target])["SDR"] for scores in songs.values())
    return [value for value in found if value is not None]


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
