"""Songs in a bucket, runs over them, and whether what is there afterwards is what should be."""

import re
from dataclasses import dataclass
from pathlib import Path

from flows.catalog_run import RunConfig, run_catalog
from lasaft_core.catalog.orphans import remove_orphans
from lasaft_core.catalog.table import CatalogTable
from lasaft_core.catalog.verification import Orphan, Tally, verify
from lasaft_core.song import SongOptions
from lasaft_core.storage import join, list_names, put
from tests.pipeline.song_folder import CHECKPOINT, noise

_OTHERS = re.compile("/out/(catalog|claims)/")
TARGETS = ("vocals", "drums")


@dataclass(frozen=True, slots=True)
class Bucket:
    """`in/` holds the songs, `out/` is the destination."""

    url: str
    folder: Path

    @property
    def dest(self):
        return join(self.url, "out")

    def put_song(self, name, seed):
        import soundfile

        path = self.folder / "song.wav"
        soundfile.write(path, noise(seed=seed), 44100)
        put(path, join(self.url, "in", name))

    def put_text(self, name):
        path = self.folder / "text"
        path.write_text("no song")
        put(path, join(self.url, "in", name))

    def config(self, **changes):
        defaults = {
            "sources": (join(self.url, "in"),),
            "dest": self.dest,
            "checkpoint": str(CHECKPOINT),
            "song": SongOptions(targets=TARGETS, overlap=0.0),
            "precision": "float32",
            "executor": "inline",
        }
        return RunConfig(**{**defaults, **changes})

    def run(self, **changes):
        return run_catalog(self.config(**changes))

    def rows(self):
        """All of them, by name; fails where two have the same."""
        rows = list(CatalogTable.open(self.dest).rows())
        named = {row.source_uri.rpartition("/in/")[2]: row for row in rows}
        assert len(named) == len(rows), "a track has two rows"
        return named

    def findings(self):
        """(rows whose stems are not all there, whole and described, attempts without a row)"""
        found = list(verify(self.dest, Tally(), deep=True, grace_seconds=0.0))
        orphans = [finding for finding in found if isinstance(finding, Orphan)]
        return [finding for finding in found if finding not in orphans], orphans

    def repair(self):
        """How many orphans were removed; fails where the destination is not clean afterwards."""
        broken, orphans = self.findings()
        assert broken == []
        assert remove_orphans(self.dest, orphans, settle_seconds=0.0) == len(orphans)
        assert self.findings() == ([], [])
        return len(orphans)

    def litter(self):
        """What belongs neither to rows' stems nor to the table and the ledger of claims."""
        stems = [stem.uri for row in self.rows().values() for stem in row.stems]
        kept = {*stems, *(join(uri.rpartition("/")[0], "track.json") for uri in stems)}
        names = [join(self.dest, name) for name in list_names(self.dest)]
        return [uri for uri in names if uri not in kept and not _OTHERS.search(uri)]
