"""Instrumentals in the stems that a network of ours takes them apart into, as songs to train on.

    python -m lasaft_core.training.building.estimating built

reads what `build-data` laid into `built/accompaniments`. Recorded bands whose stems are known are
few; estimates of theirs, mixed across songs, sound as real ones do, and what is wrong with them is
no longer where the rest of the mixture is (RemixIT, Tzinis et al. 2022, arXiv 2202.08862). A piece
is written if drums and bass are found in it: a piano's lowest notes are no bass. The songs are
marked as estimated: at its own place beside the others an estimate would teach nothing new.
"""

import argparse
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np

from lasaft_core.errors import InvalidOption, UsageError
from lasaft_core.musdb import ESTIMATED, Accompaniment, find_accompaniments
from lasaft_core.separator import Separator
from lasaft_core.training.building.effects import Audio
from lasaft_core.training.building.folders import write_folder
from lasaft_core.training.building.score import RATE

LONGEST_SECONDS: Final = 90.0  # of a piece, from its middle
_LEAST_SHARE: Final = 0.03  # of the piece's power that drums and bass have each

_log = logging.getLogger(__name__)


def estimated_stems(piece: Accompaniment, separator: Separator) -> dict[str, Audio] | None:
    """{target: [samples, 2]}, the vocals silent; None of a piece without drums or bass. Raises
    InvalidOption of another rate than 44.1 kHz, the piece's or the network's."""
    for name, rate in ((piece.file, piece.sample_rate), ("the network", separator.sample_rate)):
        if rate != RATE:
            raise InvalidOption(f"sample rate of {name}", expected=f"{RATE} Hz", got=f"{rate} Hz")
    length = min(piece.num_samples, round(LONGEST_SECONDS * piece.sample_rate))
    audio = piece.read((piece.num_samples - length) // 2, length)
    stems = separator.separate(audio)
    power = float(np.mean(np.square(audio)))
    if any(np.mean(np.square(stems[t])) < _LEAST_SHARE * power for t in ("drums", "bass")):
        return None
    other = stems["other"] + stems["vocals"]  # nobody sings
    return {**stems, "other": other, "vocals": np.zeros_like(audio)}


def write_estimated(folder: Path, stems: Mapping[str, Audio], separator: Separator) -> None:
    """The stems as a song that is marked as estimated, and by whom."""
    facts = {"by": separator.model_name, "sha256": separator.weights_sha256}
    write_folder(folder, stems, ESTIMATED, facts)


def estimate_all(data: Path, separator: Separator) -> None:
    """Songs `train/estimated-...` of what lies in `accompaniments`, but for those already there."""
    for piece in find_accompaniments(data):
        folder = data / "train" / f"estimated-{piece.name}"
        if folder.exists():
            continue
        stems = estimated_stems(piece, separator)
        if stems is not None:
            write_estimated(folder, stems, separator)
        _log.info("%s: %s", piece.name, "written" if stems else "too little of drums or bass")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--checkpoint", default="default")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        estimate_all(given.data, Separator.load(given.checkpoint, precision="auto"))
    except UsageError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
