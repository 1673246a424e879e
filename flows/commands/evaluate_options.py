"""The options of `lasaft-stems evaluate`."""

from flows.commands.options import Parser, add_json, add_workers

EPILOG = (
    "Scores stand in --out: scores.md, scores.json, boxplot.png, a file for each song. The same "
    "command measures only the songs that are missing there. Exit code 1 where a song failed."
)


def add_evaluate(parser: Parser) -> None:
    parser.epilog = EPILOG
    add = parser.add_argument
    add("--checkpoint", default="default", metavar="C", help="name, path or URL of the network")
    add("--data", required=True, metavar="DIR", help="songs in the layout of MUSDB18-HQ")
    add("--out", required=True, metavar="DIR", help="gets the scores; a second run goes on there")
    add("--split", choices=("test", "valid", "train"), default="test", help="which songs")
    add("--limit", type=int, metavar="N", help="only the first N songs")
    add("--overlap", type=float, default=0.25, metavar="X", help="shared part of windows, 0 to 0.5")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help="where it computes")
    add(
        "--precision",
        choices=("auto", "float32", "bfloat16"),
        default="float32",
        help="auto takes bfloat16 where the device is made for it",
    )
    add_workers(add)
    add(
        "--executor",
        choices=("ray", "inline"),
        default="ray",
        help="inline works in this process, one song at a time",
    )
    add_json(parser)
