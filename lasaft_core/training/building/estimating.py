"""Instrumentals in the stems that a network of ours takes them apart into, as songs to train on.

    python -m lasaft_core.training.building.estimating built

reads what `build-data` laid into `built/accompaniments`. Recorded bands whose stems are known are
few; estimates of theirs, mixed across songs, sound as real ones do, and what is wrong with them is
no longer where the rest of the mixture is (RemixIT, Tzinis et al. 2022, arXiv 2202.08862). A piece
is written if drums and bass are found in it: a piano's lowest notes are no bass. `song.json` names
the network, by which a training knows them: at its own place beside the others an estimate would
teach nothing new. Estimates of the same weights stay, those of others are made anew.
"""

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from lasaft_core.errors import InvalidOption, UsageError
from lasaft_core.musdb import (
    ESTIMATED_BY,
    TARGETS,
    Accompaniment,
    facts_of,
    find_accompaniments,
    read_object,
)
from lasaft_core.separator import Separator
from lasaft_core.training.building.effects import Audio, audibility
from lasaft_core.training.building.folders import MANIFEST, remove_folder, write_folder
from lasaft_core.training.building.score import RATE

_LONGEST_SECONDS: Final = 90.0  # of a piece, from its middle
_LEAST_SHARE: Final = 0.03  # of the piece's power that drums and bass have each
_AUDIBLE_DB: Final = -25.0  # of drums and bass, below the piece
_PEAK: Final = 0.99

_log = logging.getLogger(__name__)


def estimated_stems(piece: Accompaniment, separator: Separator) -> dict[str, Audio] | None:
    """{target: [samples, 2]}, the vocals silent, their sum the piece, quieter where a peak would
    not fit into full scale; None of a piece without drums or bass."""
    length = min(piece.num_samples, round(_LONGEST_SECONDS * RATE))
    audio = piece.read((piece.num_samples - length) // 2, length)
    if not audio.any():
        return None
    estimates = separator.separate(audio)
    least = _LEAST_SHARE * np.mean(np.square(audio))
    if any(np.mean(np.square(estimates[target])) < least for target in ("drums", "bass")):
        return None
    stems = {"vocals": np.zeros_like(audio)}
    for target in ("drums", "bass"):
        heard = audibility(estimates[target], audio, least_db=_AUDIBLE_DB)
        stems[target] = estimates[target] * heard[:, None]
    stems["other"] = audio - stems["drums"] - stems["bass"]  # nobody sings
    loudest = max(float(np.abs(stem).max()) for stem in stems.values())
    gain = np.float32(min(1.0, _PEAK / loudest))
    return {target: gain * stem for target, stem in stems.items()}


def estimate_all(data: Path, separator: Separator) -> None:
    """Songs `train/estimated-...` of what lies in `accompaniments`. Raises InvalidOption where
    nothing does, where the manifest doesn't know whose it is, and of a network or a piece that
    don't fit."""
    pieces = find_accompaniments(data)
    _check(data, pieces, separator)
    sources = _sources(data, pieces)
    by = {
        "name": separator.model_name,
        "sha256": separator.weights_sha256,
        "licence": separator.weights_licence,
    }
    for piece in pieces:
        facts = {"score": piece.name, "sources": [sources[piece.file.name]], ESTIMATED_BY: by}
        folder = data / "train" / f"estimated-{piece.name}"
        if facts_of(folder) == facts:
            continue
        _clear(folder)
        stems = estimated_stems(piece, separator)
        if stems is not None:
            write_folder(folder, stems, facts)
        _log.info("%s: %s", piece.name, "written" if stems else "too little of drums or bass")


def _clear(folder: Path) -> None:
    """Removes what other weights made of the piece, and no other song."""
    if folder.exists() and ESTIMATED_BY not in facts_of(folder):
        raise InvalidOption(
            str(folder),
            expected="no song of this name but an estimated one",
            got="another",
            remedy="give it another name",
        )
    remove_folder(folder)


def _check(data: Path, pieces: Sequence[Accompaniment], separator: Separator) -> None:
    if not pieces:
        raise InvalidOption(
            f"instrumentals in {data}",
            expected="stereo files accompaniments/*.wav",
            got="none",
            remedy="lasaft-stems build-data writes them from sources/instrumentals",
        )
    if set(separator.targets) != set(TARGETS):
        raise InvalidOption(
            "targets of the network",
            expected=", ".join(TARGETS),
            got=", ".join(separator.targets),
            remedy="give --checkpoint one of all four",
        )
    rates = {"the network": separator.sample_rate}
    rates |= {str(piece.file): piece.sample_rate for piece in pieces}
    for name, rate in rates.items():
        if rate != RATE:
            raise InvalidOption(
                f"sample rate of {name}",
                expected=f"{RATE} Hz",
                got=f"{rate} Hz",
                remedy="give --checkpoint one of that rate, build-data writes pieces of it",
            )


def _sources(data: Path, pieces: Sequence[Accompaniment]) -> dict[str, str]:
    """The name of each piece's source, whom to credit."""
    known = read_object(data / MANIFEST).get("accompaniments", {})
    unknown = [piece.file.name for piece in pieces if piece.file.name not in known]
    if unknown or not isinstance(known, dict):
        raise InvalidOption(
            f"manifest of {data}",
            expected="the source of each accompaniment",
            got=f"none of {unknown[0]}" if unknown else "their names alone",
            remedy="run lasaft-stems build-data to its end",
        )
    return known


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
