"""The options of `lasaft-stems build-data`."""

from flows.commands.options import Parser

EPILOG = (
    "The same command goes on with what --out holds. A song depends on its seed and the sources "
    "alone. manifest.json there names every source, its licence and whom to credit."
)


def add_build_data(parser: Parser) -> None:
    parser.epilog = EPILOG
    add = parser.add_argument
    add("--sources", required=True, metavar="DIR", help="MIDI, instruments and voices: KIND/NAME/")
    add("--out", required=True, metavar="DIR", help="gets train/ and valid/ as MUSDB18-HQ has them")
    add("--hours", type=float, required=True, metavar="H", help="of songs to train on")
    add("--seed", type=int, default=0, metavar="N", help="other songs with another seed")
    add("--song-seconds", type=float, default=30.0, metavar="S", help="of each song")
    add("--validation-songs", type=int, default=16, metavar="N", help="beside those, held out")
    add("--workers", type=int, metavar="N", help="processes; as many as processors if none")
