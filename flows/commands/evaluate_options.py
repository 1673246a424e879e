"""The options of `lasaft-stems evaluate`."""

from flows.commands.options import Parser, add_json


def add_evaluate(parser: Parser) -> None:
    add = parser.add_argument
    add("--checkpoint", default="default", metavar="C", help="name, path or URL of the network")
    add("--data", required=True, metavar="DIR", help="songs in the layout of MUSDB18-HQ")
    add("--out", required=True, metavar="DIR", help="gets the scores; a second run goes on there")
    add_json(parser)
