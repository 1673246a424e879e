"""The options of `lasaft-stems plot`."""

from flows.commands.options import HelpFormatter, Parser


def add_plot(parser: Parser) -> None:
    kinds = parser.add_subparsers(dest="kind", metavar="KIND", required=True)
    for kind, summary in (
        ("weights", "frequency patterns that the TDF or LaSAFT layers have learned"),
        ("attention", "which latent sources each target attends to"),
        ("spectrogram", "the spectrograms of a song and of its stems"),
    ):
        plot = kinds.add_parser(
            kind, help=summary, formatter_class=HelpFormatter, allow_abbrev=False
        )
        plot.add_argument("--out", required=True, metavar="PNG", help="the picture to write")
