"""The options of `lasaft-stems train`."""

from flows.commands.options import Parser


def add_train(parser: Parser) -> None:
    add = parser.add_argument
    add("preset", metavar="PRESET", help="name of the network")
    add("--data", required=True, metavar="DIR", help="songs in the layout of MUSDB18-HQ")
    add("--out", required=True, metavar="DIR", help="gets checkpoints and logs; resumes from them")
