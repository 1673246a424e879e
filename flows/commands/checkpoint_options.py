"""The options of `lasaft-stems checkpoint`."""

from flows.commands.options import HelpFormatter, Parser, add_json


def add_checkpoint(parser: Parser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    inspect = actions.add_parser(
        "inspect",
        help="say what a checkpoint holds and what it leaves open",
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    convert = actions.add_parser(
        "convert",
        help="write a checkpoint as safetensors that describe themselves",
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    for action in (inspect, convert):
        action.add_argument("file", metavar="FILE", help="name, path or URL of a checkpoint")
    convert.add_argument("out", metavar="OUT", help="the .safetensors to write")
    add_json(inspect)
