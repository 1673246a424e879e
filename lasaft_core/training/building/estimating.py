"""Instrumentals in the stems that a network of ours takes them apart into, as songs to train on.

    python -m lasaft_core.training.building.estimating built

reads what `build-data` laid into `built/accompaniments`. Recorded bands whose stems are known are
few; estimates of theirs, mixed across songs, sound as real ones do, and what is wrong with them is
no longer where the rest of the mixture is (RemixIT, Tzinis et al. 2022, arXiv 2202.08862). A piece
is written if drums and bass are found in it: a piano's lowest notes are no bass. `song.json` names
the network, by which a training knows them: at its own place beside the others an estimate would
teach nothing new. Estimates of the same weights stay; other weights make them anew.
"""

import argparse
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from lasaft_core.errors import InvalidOption, UsageError
from lasaft_core.musdb import ESTIMATED_BY, TARGETS, Accompaniment, facts_of, find_accompaniments
from lasaft_core.separator import Separator
from lasaft_core.training.building.effects import Audio, audibility
from lasaft_core.training.building.folders import write_folder
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
    nothing does, and of a network that can't take it apart."""
    pieces = find_accompaniments(data)
    _check(data, pieces, separator)
    by = {
        "name": separator.model_name,
        "sha256": separator.weights_sha256,
        "licence": separator.weights_licence,
    }
    sources = _sources(data)
    for piece in pieces:
        folder = data / "train" / f"estimated-{piece.name}"
        if facts_of(folder).get(ESTIMATED_BY) == by:
            continue
        stems = estimated_stems(piece, separator)
        if stems is not None:
            credited = [sources[piece.file.name]] if piece.file.name in sources else []
            write_folder(
                folder, stems, {"score": piece.name, "sources": credited, ESTIMATED_BY: by}
            )
        _log.info("%s: %s", piece.name, "written" if stems else "too little of drums or bass")


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
        )
    rates = {"the network": separator.sample_rate}
    rates |= {str(piece.file): piece.sample_rate for piece in pieces}
    for name, rate in rates.items():
        if rate != RATE:
            raise InvalidOption(f"sample rate of {name}", expected=f"{RATE} Hz", got=f"{rate} Hz")


def _sources(data: Path) -> dict[str, str]:
    """Of each accompaniment that `build-data` wrote."""
    manifest = data / "manifest.json"
    return dict(json.loads(manifest.read_text())["accompaniments"]) if manifest.exists() else {}


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
