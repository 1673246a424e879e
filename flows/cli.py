"""The console script `lasaft-stems`.

A command's module is imported once the arguments are known, so that `--help` answers at once
and `separate` brings neither Ray nor Prefect. Exit codes: 0 all well, 1 failures above the
allowed rate or broken off, 2 wrong use, 130 interrupted.
"""

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from flows.commands import options
from flows.commands.build_data_options import add_build_data
from flows.commands.checkpoint_options import add_checkpoint
from flows.commands.console import complain
from flows.commands.evaluate_options import add_evaluate
from flows.commands.plot_options import add_plot
from flows.commands.train_options import add_train
from lasaft_core.allocator import share_one_heap
from lasaft_core.errors import LasaftError, UsageError

COMMANDS: dict[str, tuple[str, Callable[[argparse.ArgumentParser], None]]] = {
    "separate": ("separate songs into a folder, on this machine", options.add_separate),
    "run": ("separate a catalog of songs and keep its table up to date", options.add_run),
    "plan": ("say what a run would do and estimate its work", options.add_plan),
    "status": ("say what a destination holds and what failed", options.add_status),
    "find": ("print the stems of one source object", options.add_find),
    "verify": ("compare a destination's table with its stems, and repair", options.add_verify),
    "forget": ("remove the stems and rows of source objects", options.add_forget),
    "prune": (
        "remove superseded models' stems and the table's old versions",
        options.add_prune,
    ),
    "serve": ("serve the catalog run to Prefect, on a schedule and on demand", options.add_serve),
    "checkpoint": ("inspect and convert checkpoints", add_checkpoint),
    "build-data": ("build songs with true stems to train on", add_build_data),
    "train": ("train a network of the papers on songs with true stems", add_train),
    "evaluate": ("measure a network by the papers' protocol", add_evaluate),
    "plot": ("draw what a network has learned, and spectrograms", add_plot),
}


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lasaft-stems",
        description="Turn songs into aligned stems, one by one or by the catalog.",
        epilog="Credentials come from the environment (AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL, ...), "
        "never from an option.",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (summary, add_options) in COMMANDS.items():
        add_options(
            commands.add_parser(
                name,
                help=summary,
                description=f"{summary[0].upper()}{summary[1:]}.",
                formatter_class=options.HelpFormatter,
                allow_abbrev=False,
            )
        )
    return parser


def _print_anything() -> None:
    """What a narrow locale has no sign for is escaped, rather than an end of the command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def main(argv: Sequence[str] | None = None) -> int:
    share_one_heap()  # before there are threads
    _print_anything()
    arguments = build_parser().parse_args(argv)
    try:
        command = import_module(f"flows.commands.{arguments.command.replace('-', '_')}")
        code = int(command.run(arguments))
        sys.stdout.flush()  # here, where a reader who has left is still caught
    except UsageError as error:
        complain(str(error))
        return 2
    except LasaftError as error:
        complain(str(error))
        return 1
    except KeyboardInterrupt:
        complain("interrupted")
        return 130
    except BrokenPipeError:  # the reader of our output has left, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code


if __name__ == "__main__":
    sys.exit(main())
