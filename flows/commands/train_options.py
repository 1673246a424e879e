"""The options of `lasaft-stems train`."""

from flows.commands.options import Parser

EPILOG = (
    "The same command goes on with what --out holds, exactly where it was broken off; "
    "best.safetensors there is the checkpoint of the best validation; `tensorboard --logdir DIR` "
    "draws the curves."
)


def add_train(parser: Parser) -> None:
    parser.epilog = EPILOG
    add = parser.add_argument
    add("preset", metavar="PRESET", help="name of the network, such as cunet-gpocm-lasaft")
    add("--data", required=True, metavar="DIR", help="songs in the layout of MUSDB18-HQ")
    add("--out", required=True, metavar="DIR", help="gets checkpoints and logs; goes on from them")
    add("--target", metavar="T", help="what a one-target network learns; vocals if none")
    add(
        "--recipe",
        choices=("published", "modern"),
        default="published",
        help="how it is trained: as its paper says, or augmented, averaged and annealed",
    )
    add("--init", metavar="C", help="name, path or URL of a checkpoint whose weights to begin with")
    add("--seed", type=int, default=0, metavar="N", help="of weights, excerpts and dropout")
    _add_recipe(parser)
    _add_run(parser)


def _add_recipe(parser: Parser) -> None:
    group = parser.add_argument_group("in place of the recipe's")
    add = group.add_argument
    add("--batch-size", type=int, metavar="N", help="excerpts of a step")
    add("--excerpt-frames", type=int, metavar="N", help="spectrogram frames of an excerpt")
    add("--learning-rate", type=float, metavar="X", help="highest rate")
    add("--warmup-steps", type=int, metavar="N", help="over which the rate rises from nothing")
    add("--ema-decay", type=float, metavar="X", help="of the averaged weights, a step")
    add("--max-steps", type=int, metavar="N", help="end of the training, and of a cosine rate")
    add("--epoch-steps", type=int, metavar="N", help="steps between validations")
    add("--patience", type=int, metavar="N", help="epochs without gain before the end")


def _add_run(parser: Parser) -> None:
    group = parser.add_argument_group("execution")
    add = group.add_argument
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help="where it computes")
    add(
        "--precision",
        choices=("auto", "float32", "bfloat16"),
        default="auto",
        help="auto takes bfloat16 where the device is made for it",
    )
    add(
        "--compile",
        action="store_true",
        help="compile the network first: minutes at the start, a third less time for each step",
    )
    add(
        "--loaders",
        type=int,
        default=2,
        metavar="N",
        help="processes that prepare batches; 0: none",
    )
    add(
        "--validation-seconds",
        type=float,
        metavar="S",
        help="validate the middle of each song; all of it if none",
    )
    add("--save-minutes", type=float, default=5.0, metavar="M", help="between saved states")
    add("--max-hours", type=float, metavar="H", help="end this run after so long")
