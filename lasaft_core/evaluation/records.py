"""Scores on disk, one file a song, so that an evaluation goes on where it was broken off.

FOLDER/songs/SONG.json      {"identity": what was measured, "scores": estimator -> target -> ...}
FOLDER/museval/SONG.json    the network's frames, as `museval` writes and reads them
"""

import json
import math
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lasaft_core.errors import InvalidOption
from lasaft_core.evaluation.bsseval import METRICS
from lasaft_core.evaluation.scores import NETWORK, Scores

Identity = Mapping[str, object]


class Records:
    """The songs' scores in a folder; `identity` says what they are the scores of."""

    def __init__(self, folder: Path, identity: Identity) -> None:
        self._songs, self._museval = folder / "songs", folder / "museval" / "test"
        self._identity = dict(identity)
        for place in (self._songs, self._museval):
            place.mkdir(parents=True, exist_ok=True)

    def read(self, song: str) -> Scores | None:
        """None where the song was not measured. Raises InvalidOption for scores of another."""
        path = self._songs / f"{song}.json"
        if not path.exists():
            return None
        record = json.loads(path.read_text())
        if record["identity"] != self._identity:
            raise InvalidOption(
                f"scores in {path.parent.parent}",
                expected=f"those of {self._identity}",
                got=record["identity"],
                remedy="give another --out",
            )
        scores: Scores = record["scores"]
        return scores

    def write(self, song: str, scores: Scores) -> None:
        """Both files, each whole or not at all."""
        _write(self._museval / f"{song}.json", museval_record(scores[NETWORK]))
        _write(self._songs / f"{song}.json", {"identity": self._identity, "scores": scores})


def museval_record(targets: Mapping[str, Mapping[str, Any]]) -> dict[str, object]:
    """As `museval.TrackStore` has it: seconds, decibels, NaN for no number."""
    return {
        "targets": [
            {"name": target, "frames": _museval_frames(scores["frames"])}
            for target, scores in targets.items()
        ],
        "museval_version": version("museval"),
    }


def _museval_frames(metrics: Mapping[str, list[float | None]]) -> list[dict[str, object]]:
    rows = zip(*(metrics[name] for name in METRICS), strict=True)
    return [
        {
            "time": second,
            "duration": 1.0,
            "metrics": {
                name: math.nan if value is None else value
                for name, value in zip(METRICS, values, strict=True)
            },
        }
        for second, values in enumerate(rows)
    ]


def _write(path: Path, content: object) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_text(json.dumps(content))
    part.replace(path)
