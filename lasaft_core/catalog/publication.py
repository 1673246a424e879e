"""Stems in the store: each attempt under a prefix of its own, whole or not at all.

    dest/stems/<model12>/<aa>/<work_id>/<attempt>/vocals.flac ...   put whole, one after another
                                                  track.json       last: the attempt is whole

Nobody sees them until a row of the table points to them. An attempt that a crash left without a
row is adopted by the next run if it is whole, and is an orphan otherwise.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from lasaft_core.catalog.identity import canonical_json
from lasaft_core.catalog.rows import SCHEMA, TrackRow
from lasaft_core.errors import PublicationMismatch, SourceGone, StoreError, StoreUnavailable
from lasaft_core.storage import (
    ObjectStat,
    canonical_uri,
    join,
    list_below,
    put,
    put_bytes,
    read_bytes,
    stat,
)

TRACK_JSON = "track.json"


def stems_uri(dest_uri: str) -> str:
    """Below which a destination has all its stems; no trailing slash."""
    return join(canonical_uri(dest_uri), "stems")


class StemStore:
    """The stems that one model has made, below one destination."""

    def __init__(self, dest_uri: str, model_fingerprint: str) -> None:
        self._base = join(stems_uri(dest_uri), model_fingerprint[:12])

    def attempt_prefix(self, work_id: str, attempt_id: str) -> str:
        """Where one attempt's objects lie; no trailing slash."""
        return join(self._base, work_id[:2], work_id, attempt_id)

    def publish(
        self,
        files: Mapping[str, Path],
        track_json: Mapping[str, Any],
        work_id: str,
        attempt_id: str,
    ) -> dict[str, str]:
        """Puts `files` (object name to local path), then `track.json`; URIs by name.

        `track.json` is what is given and, under `objects`, the name and size of each file. Raises
        PublicationMismatch when the store holds another size than was put, StoreUnavailable.
        """
        prefix = self.attempt_prefix(work_id, attempt_id)
        sizes = {name: path.stat().st_size for name, path in files.items()}
        for name, path in files.items():
            put(path, join(prefix, name))
        self._compare(prefix, sizes)
        described = description(track_json, sizes)
        put_bytes(described, join(prefix, TRACK_JSON))
        self._compare(prefix, {TRACK_JSON: len(described)})
        return {name: join(prefix, name) for name in files}

    def adopt(self, work_id: str) -> dict[str, Any] | None:
        """`track.json` of the newest whole attempt, with its URIs by name under `uris`. Raises
        StoreUnavailable: here a store that can't be listed is one track's fault."""
        try:
            found = list_below(join(self._base, work_id[:2], work_id))
        except StoreError as error:
            raise StoreUnavailable(error.what, got=error.got, remedy=error.remedy) from error
        sizes = {entry.uri: entry.size for entry in found}
        ends = [entry for entry in found if entry.uri.endswith(f"/{TRACK_JSON}")]
        for end in sorted(ends, key=_age, reverse=True):
            track = whole_track(end.uri, sizes)
            if track is not None:
                return track
        return None

    def _compare(self, prefix: str, sizes: Mapping[str, int]) -> None:
        for name, size in sizes.items():
            uri = join(prefix, name)
            try:
                held = stat(uri).size
            except SourceGone as error:
                raise PublicationMismatch(uri, expected=f"{size} bytes", got="nothing") from error
            if held != size:
                raise PublicationMismatch(uri, expected=f"{size} bytes", got=f"{held} bytes")


def description(track_json: Mapping[str, Any], sizes: Mapping[str, int]) -> bytes:
    """A `track.json` of an attempt whose objects have these names and sizes."""
    return canonical_json({**track_json, "objects": sizes}).encode()


def _age(entry: ObjectStat) -> tuple[float, str]:
    return entry.mtime or 0.0, entry.uri


def row_of(track: Mapping[str, Any]) -> TrackRow | None:
    """The row that a whole track describes; None where it describes none.

    Its stems are those beside the `track.json`, wherever they were when it was written.
    """
    columns = {name: track[name] for name in SCHEMA.names if name in track}
    try:
        row = TrackRow.from_dict(columns)
        here = {stem: track["uris"][stem.uri.rpartition("/")[2]] for stem in row.stems}
    except (TypeError, ValueError, KeyError):
        return None
    return replace(row, stems=tuple(replace(stem, uri=uri) for stem, uri in here.items()))


def whole_track(uri: str, sizes: Mapping[str, int]) -> dict[str, Any] | None:
    """A `track.json` with its URIs by name under `uris`; None for an attempt of which anything is
    missing or of another size than it says. `sizes`: of all that the store holds there, by URI."""
    prefix = uri.removesuffix(f"/{TRACK_JSON}")
    track = _parsed(read_bytes(uri))
    named = track.get("objects")
    if not isinstance(named, dict) or not named:
        return None
    uris = {name: join(prefix, name) for name in named}
    if any(sizes.get(uris[name]) != size for name, size in named.items()):
        return None
    return {**track, "uris": uris}


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        track = json.loads(data)
    except ValueError:
        return {}
    return track if isinstance(track, dict) else {}
