"""The options of every command. Imports argparse alone, since `--help` must not wait."""

import argparse
from collections.abc import Callable

Parser = argparse.ArgumentParser


class HelpFormatter(argparse.HelpFormatter):
    """Shows the default of an option that has one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        unset = any(action.default is empty for empty in (None, False, argparse.SUPPRESS))
        unset = unset or action.default == []
        return action.help if unset else f"{action.help} (default: %(default)s)"


EXIT_CODES = (
    "Exit code: 0 when all went well or the failed and quarantined songs are no more than "
    "--max-failure-rate of those worked on (skipped songs and a run that --max-hours ended are no "
    "failure); 1 when they are more, or the run was broken off; 2 for wrong use and whatever keeps "
    "the workers from starting; 130 when interrupted a second time."
)


def _name_list(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise argparse.ArgumentTypeError("expected names with commas between, such as vocals,drums")
    return names


def _add_sound(parser: Parser) -> None:
    """What changes the stems' sound or form."""
    group = parser.add_argument_group("separation")
    add = group.add_argument
    add("--checkpoint", default="default", metavar="C", help="name, path or URL of the network")
    add("--targets", type=_name_list, metavar="T,T", help="stems to make; all if not given")
    add("--overlap", type=float, default=0.25, metavar="X", help="shared part of windows, 0 to 0.5")
    add("--codec", choices=("flac", "wav"), default="flac", help="form of the stems")
    add("--bit-depth", type=int, choices=(16, 24, 32), default=24, help="32 is float, WAV only")
    add(
        "--channels",
        choices=("skip", "downmix"),
        default="skip",
        help="what becomes of songs of more than two channels",
    )
    add("--residual", action="store_true", help="also write the song minus its stems")
    add(
        "--consistency",
        choices=("none", "project"),
        default="none",
        help="project: all the network's stems add up to the song",
    )
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help="where it computes")
    add(
        "--precision",
        choices=("auto", "float32", "bfloat16"),
        default="auto",
        help="auto takes bfloat16 where the device is made for it",
    )


def add_json(parser: Parser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def _add_dest(parser: Parser) -> None:
    parser.add_argument("--dest", required=True, metavar="URL", help="where stems and table stand")


def _add_catalog(parser: Parser) -> None:
    add = parser.add_argument
    add(
        "--source",
        action="append",
        required=True,
        metavar="URL",
        help="prefix or object to read songs from; may be given again",
    )
    _add_dest(parser)
    add(
        "--include",
        action="append",
        default=[],
        metavar="GLOB",
        help="only keys that match, below --source; * also matches /; may be repeated",
    )
    add(
        "--exclude",
        action="append",
        default=[],
        metavar="GLOB",
        help="no keys that match; may be repeated",
    )
    add("--limit", type=int, metavar="N", help="work on at most so many songs")
    add(
        "--force",
        choices=("none", "failed", "all"),
        default="none",
        help="failed: also songs that were skipped, quarantined or found broken before, which "
        "otherwise wait until they are mended; all: everything again",
    )
    _add_sound(parser)
    _add_execution(parser)


def add_workers(add: Callable[..., object]) -> None:
    """How many workers Ray starts, and what each of them gets."""
    add(
        "--workers",
        type=int,
        metavar="N",
        help="processes with a loaded network; as many as fit if none",
    )
    add(
        "--gpus-per-worker",
        type=float,
        default=0.0,
        metavar="X",
        help="GPUs of each, or a share; 0: a whole one each where the device is cuda",
    )
    add(
        "--cpus-per-worker",
        type=float,
        metavar="X",
        help="CPUs of each, asked of Ray as they stand: with --workers, what makes a cluster grow; "
        "the nodes' CPUs are shared out if none",
    )


def _add_execution(parser: Parser) -> None:
    group = parser.add_argument_group("execution")
    add = group.add_argument
    add_workers(add)
    add(
        "--executor",
        choices=("ray", "inline"),
        default="ray",
        help="inline works in this process, one song at a time",
    )
    add(
        "--max-failure-rate",
        type=float,
        default=0.0,
        metavar="X",
        help="share of failed songs, 0 to 1, up to which the exit code stays 0; a run that can't "
        "come back under a rate above 0 is ended",
    )
    add("--max-hours", type=float, metavar="H", help="start no more songs after so long")
    add(
        "--on-demand",
        action="store_true",
        help="go first: other runs at this destination make room until this one is done",
    )


def add_separate(parser: Parser) -> None:
    parser.add_argument("songs", nargs="+", metavar="SONG", help="path or URL of a song")
    parser.add_argument("--out", required=True, metavar="DIR", help="gets one folder per song")
    _add_sound(parser)
    add_json(parser)


def add_run(parser: Parser) -> None:
    parser.epilog = EXIT_CODES
    _add_catalog(parser)
    add_json(parser)


def add_plan(parser: Parser) -> None:
    _add_catalog(parser)
    add_json(parser)


def add_status(parser: Parser) -> None:
    _add_dest(parser)
    add_json(parser)


def add_find(parser: Parser) -> None:
    parser.add_argument("source", metavar="SOURCE", help="path or URL of a source object")
    _add_dest(parser)
    add_json(parser)


def add_verify(parser: Parser) -> None:
    _add_dest(parser)
    parser.add_argument("--deep", action="store_true", help="read every stem and check its hash")
    parser.add_argument(
        "--repair",
        action="store_true",
        help="withdraw rows whose stems are lost, so that the next run does them again, put lost "
        "track.json anew, and remove orphans",
    )
    parser.add_argument(
        "--rebuild",
        action="store_true",
        help="first make rows for objects whose whole stems have none, as when the table is lost",
    )
    parser.add_argument(
        "--source", metavar="URL", help="also say which rows' objects are gone from below here"
    )
    parser.add_argument(
        "--grace-hours",
        type=float,
        default=24.0,
        metavar="HOURS",
        help="stems without a row are orphans when older than this; longer than any run lasts",
    )
    add_json(parser)


def add_forget(parser: Parser) -> None:
    parser.add_argument(
        "sources", nargs="+", metavar="SOURCE", help="paths or URLs of source objects"
    )
    _add_dest(parser)
    parser.add_argument(
        "--erase-history",
        action="store_true",
        help="remove all older versions of the table, too, which would show the rows for a week "
        "or more; whoever is reading one has to begin again",
    )
    add_json(parser)


def add_prune(parser: Parser) -> None:
    _add_dest(parser)
    parser.add_argument(
        "--grace-days",
        type=float,
        default=30.0,
        metavar="DAYS",
        help="keep what was superseded less than this ago",
    )
    parser.add_argument("--limit", type=int, metavar="N", help="of at most so many songs")
    parser.add_argument(
        "--history-days",
        type=float,
        default=7.0,
        metavar="DAYS",
        help="keep what older versions of the table have needed since this ago",
    )
    parser.add_argument(
        "--remove", action="store_true", help="remove them; without, only say what would go"
    )
    add_json(parser)


def add_serve(parser: Parser) -> None:
    _add_catalog(parser)
    parser.add_argument(
        "--cron", required=True, metavar="CRON", help='when to run, in UTC, such as "0 2 * * *"'
    )
    parser.add_argument(
        "--name",
        default="",
        metavar="NAME",
        help="begins both deployments' names: for several catalogs at one Prefect server",
    )
    parser.add_argument(
        "--credentials-block",
        default="",
        metavar="NAME",
        help="Secret block in Prefect with AWS variables; those of the environment if none",
    )
