"""What the demo shows: plain tables of what the store holds now."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from flows.run_records import RunReport
from infra.demo.catalog import Song
from infra.demo.reference import Score, mean_gain_db

Row = Mapping[str, Any]


class Showing:
    """Prints the findings. `source` is the catalog's prefix, cut from the names it shows."""

    def __init__(self, console: Console, source: str) -> None:
        self.console, self.source = console, source.rstrip("/") + "/"

    def key(self, row: Row) -> str:
        return str(row["source_uri"]).removeprefix(self.source)

    def heading(self, text: str) -> None:
        self.console.print(f"\n[bold]{text}[/bold]")

    def catalog(self, songs: Sequence[Song]) -> None:
        self.heading("The catalog")
        table = _table("object", "what", "music")
        for song in songs:
            table.add_row(song.key, song.note, song.origin.title)
        self.console.print(table)
        self.heading("Where its music comes from")
        table = _table("music", "by", "licence", "carried by")
        for origin in dict.fromkeys(song.origin for song in songs):
            table.add_row(origin.title, origin.artist, origin.licence, origin.carrier)
        self.console.print(table)

    def summary(self, rows: Sequence[Row]) -> None:
        self.heading("The table, one row per object")
        table = _table("object", "kind", "seconds", "status", "reason", "stems", "x real time")
        for row in sorted(rows, key=self.key):
            table.add_row(
                self.key(row),
                _kind(row),
                _number(row["duration_seconds"], ".2f"),
                row["status"],
                row["reason"] or "",
                ", ".join(stem["target"] for stem in row["stems"] or ()),
                _number(row["realtime_factor"], ".1f"),
            )
        self.console.print(table)

    def row(self, row: Row) -> None:
        """One row whole, but for the stems, which have a table of their own."""
        self.heading(f"One row: {self.key(row)}")
        table = _table("column", "value")
        for name, value in row.items():
            if name != "stems" and value not in (None, [], {}):
                table.add_row(name, _value(value))
        self.console.print(table)

    def stems(self, row: Row) -> None:
        self.heading(f"Where its stems are: {self.key(row)}")
        table = _table("target", "bytes", "LUFS", "true peak dB", "silent")
        for stem in row["stems"]:
            table.add_row(
                stem["target"],
                f"{stem['bytes']:,}",
                _number(stem["integrated_lufs"], ".1f"),
                _number(stem["true_peak_db"], ".1f"),
                _number(stem["silence_ratio"], ".0%"),
            )
        self.console.print(table)
        for stem in row["stems"]:
            self.console.print(stem["uri"], soft_wrap=True)

    def scores(self, row: Row, scores: Sequence[Score]) -> None:
        self.heading(f"Beside the known stems: {self.key(row)}, SDR in dB")
        table = _table("target", "mixture as estimate", "separated", "gain")
        for score in scores:
            gain_db = score.stem_db - score.mixture_db
            table.add_row(
                score.target, f"{score.mixture_db:.2f}", f"{score.stem_db:.2f}", f"{gain_db:+.2f}"
            )
        table.add_row("mean", "", "", f"{mean_gain_db(scores):+.2f}")
        self.console.print(table)
        self.console.print("An empty stem would score 0.00.")

    def report(self, title: str, report: RunReport) -> None:
        self.heading(title)
        table = _table("", "")
        planned = ", ".join(f"{name} {count}" for name, count in report.planned.items() if count)
        table.add_row("planned", planned or "nothing")
        for name in ("done", "skipped", "failed", "quarantined", "adopted"):
            table.add_row(name, str(getattr(report, name)))
        table.add_row("windows through the network", f"{report.windows:,}")
        table.add_row("source bytes read", f"{report.source_bytes_read:,}")
        table.add_row("audio seconds", f"{report.audio_seconds:.1f}")
        table.add_row("elapsed seconds", f"{report.elapsed_seconds:.1f}")
        for failure in report.failures:
            name = failure.source_uri.removeprefix(self.source)
            table.add_row(failure.status, f"{name}: {failure.reason}: {failure.message}")
        self.console.print(table)


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_header=any(columns))
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _kind(row: Row) -> str:
    facts = [row["container"], row["codec"], row["sample_rate"], _channels(row["channels"])]
    return " ".join(str(fact) for fact in facts if fact)


def _channels(count: int | None) -> str:
    return {None: "", 1: "mono", 2: "stereo"}.get(count, f"{count} channels")


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def _value(value: object) -> str:
    if isinstance(value, dict):
        known = {k: v for k, v in value.items() if v is not None}
        rounded = {k: round(v, 3) if isinstance(v, float) else v for k, v in known.items()}
        return json.dumps(rounded, ensure_ascii=False)
    return f"{value:.3f}" if isinstance(value, float) else str(value)
