"""The options of `lasaft-stems checkpoint`."""

import argparse

from flows.commands.options import HelpFormatter, Parser, add_json


def add_checkpoint(parser: Parser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, (summary, add_options) in _ACTIONS.items():
        action = actions.add_parser(
            name,
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}.",
            formatter_class=HelpFormatter,
            allow_abbrev=False,
        )
        add_options(action)


def _add_inspect(parser: Parser) -> None:
    _add_file(parser)
    _add_assumptions(parser)
    add_json(parser)


def _add_convert(parser: Parser) -> None:
    _add_file(parser)
    parser.add_argument("out", metavar="OUT", help="the .safetensors to write")
    parser.add_argument("--force", action="store_true", help="overwrite OUT")
    parser.add_argument("--half", action="store_true", help="numbers as float16, in half the bytes")
    parser.add_argument("--name", metavar="NAME", help="the network's name; the file's if none")
    parser.add_argument(
        "--licence", metavar="TEXT", help="licence of the weights, where you know it"
    )
    _add_assumptions(parser)


def _add_file(parser: Parser) -> None:
    parser.add_argument("file", metavar="FILE", help="name, path or URL of a checkpoint")


def _add_assumptions(parser: Parser) -> None:
    group = parser.add_argument_group("where the file does not say")
    add = group.add_argument
    add("--target", metavar="T", help="what a one-target network separates; vocals if none")
    add("--n-fft", type=int, metavar="N", help="samples of a frame; 2048 if nothing tells it")
    add("--hop", type=int, metavar="N", help="samples between frames")
    add("--frames", type=int, metavar="N", help="frames of a window")
    add(
        "--centered",
        action=argparse.BooleanOptionalAction,
        help="frames centred on their samples, the signal reflected at its ends",
    )
    add(
        "--channel-order",
        choices=("parts", "sides"),
        help="parts: all real parts first; sides: each side's two parts together",
    )
    add("--estimation", choices=("mapping", "masking"), help="what the network's output is")
    add("--activation", metavar="NAME", help="of the blocks, such as relu or leaky_relu")
    add("--modulation", choices=("gpocm", "pocm"), help="of a network whose tensors fit both")
    add("--last-activation", metavar="NAME", help="of the last convolution, such as sigmoid")


_ACTIONS = {
    "inspect": ("say what a checkpoint holds and what it leaves open", _add_inspect),
    "convert": ("write a checkpoint as safetensors that describe themselves", _add_convert),
    "list": ("name the published checkpoints and where they are from", add_json),
}
