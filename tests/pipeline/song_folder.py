"""A folder of songs and the runs over it."""

from pathlib import Path

import numpy as np
import soundfile

from flows.catalog_run import RunConfig, RunReport, preflight, run_catalog
from lasaft_core.catalog.rows import TrackRow
from lasaft_core.catalog.table import CatalogTable
from lasaft_core.song import SongOptions

GOLDEN = Path(__file__).parent.parent / "golden"
CHECKPOINT = GOLDEN / "tfc_gpocm_lasaft.ckpt"
RATE_HZ = 44100
FRAMES = 5000  # one window of the network
ONE_TARGET = SongOptions(targets=("vocals",), overlap=0.0)


def noise(frames: int = FRAMES, channels: int = 2, *, seed: int = 0, level: float = 0.2):
    """Float32 [frames, channels]."""
    return np.random.default_rng(seed).uniform(-level, level, (frames, channels)).astype("f4")


class SongFolder:
    """`put` songs, `run` over them, look at the `rows`."""

    def __init__(self, folder: Path) -> None:
        self.source, self.dest = folder / "in", folder / "out"
        self.source.mkdir()

    def put(self, name: str, samples=None, *, rate_hz: int = RATE_HZ, subtype="PCM_16", kind=None):
        path = self.source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = noise() if samples is None else samples
        soundfile.write(path, samples, rate_hz, subtype, format=kind)
        return path

    def config(self, **changes) -> RunConfig:
        defaults = {
            "sources": (str(self.source),),
            "dest": str(self.dest),
            "checkpoint": str(CHECKPOINT),
            "song": ONE_TARGET,
            "precision": "float32",
            "executor": "inline",
        }
        return RunConfig(**{**defaults, **changes})

    def run(self, *, stop=None, on_progress=None, **changes) -> RunReport:
        return run_catalog(self.config(**changes), stop=stop, on_progress=on_progress)

    def rows(self, **changes) -> dict[str, TrackRow]:
        """By name, of the model that the configuration stands for."""
        fingerprint = preflight(self.config(**changes)).fingerprint
        prefix = f"file://{self.source}/"
        rows = CatalogTable.open(str(self.dest)).rows(fingerprint)
        return {row.source_uri.removeprefix(prefix): row for row in rows}

    def stems(self) -> list[Path]:
        return sorted(path for path in self.dest.glob("stems/**/*") if path.is_file())
