"""The options of `lasaft-stems plot`."""

import argparse

from flows.commands.options import HelpFormatter, Parser

_FILE = "the picture to write, .png, .svg or .pdf"


def add_plot(parser: Parser) -> None:
    kinds = parser.add_subparsers(dest="kind", metavar="KIND", required=True)
    for kind, (summary, add_options) in _KINDS.items():
        plot = kinds.add_parser(
            kind,
            help=summary,
            description=f"Draws {summary}.",
            formatter_class=HelpFormatter,
            allow_abbrev=False,
        )
        add_options(plot)
        plot.add_argument("--out", required=True, metavar="PNG", help=_FILE)


def _add_weights(parser: Parser) -> None:
    _add_network(parser)
    parser.add_argument(
        "--view",
        choices=("map", "layers"),
        default="map",
        help="map: from input to output frequencies; layers: each linear layer by itself",
    )
    parser.add_argument(
        "--max-hz", type=float, metavar="HZ", help="only frequencies up to here; all if not given"
    )


def _add_network(parser: Parser) -> None:
    _add_checkpoint(parser)
    parser.add_argument(
        "--block",
        action="append",
        default=[],
        metavar="N|NAME",
        help="only this block, by number from 0 or by name such as mid_block; may be repeated",
    )


def _add_spectrogram(parser: Parser) -> None:
    add = parser.add_argument
    add("song", metavar="SONG", help="path or URL of a song")
    stems = parser.add_mutually_exclusive_group()
    _add_checkpoint(stems)
    stems.add_argument(
        "--stems", metavar="DIR", help="take these stems, as `separate` wrote them, and no network"
    )
    add("--start", type=float, default=0.0, metavar="S", help="from here, in seconds")
    add("--seconds", type=float, default=10.0, metavar="S", help="so long; only this is separated")
    add("--frequency", choices=("log", "linear"), default="log", help="scale of the frequencies")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help="where it computes")


def _add_checkpoint(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--checkpoint", default="default", metavar="C", help="name, path or URL of the network"
    )


_KINDS = {
    "weights": ("the frequency patterns that TDF or LaSAFT layers have learned", _add_weights),
    "attention": ("which latent sources each target attends to", _add_network),
    "spectrogram": ("the spectrograms of a song and of its stems", _add_spectrogram),
}
