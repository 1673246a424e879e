"""A folder of its own for every song under one output directory, run after run.

    DIR/<song>/track.json     whose folder it is: the source's URI and hash, and its stems
    DIR/<song>/<target>.flac
    DIR/<song> (2)/...        another source of the same name

A folder belongs to the source URI in its `track.json`, which is created exclusively: whoever
creates it owns the folder, in this process or another. A folder that holds anything else and no
`track.json` is left alone.

Its stems belong together: they are of the same bytes, made in one way with one gain, as its
`track.json` says. What was made otherwise before is removed; files of others' making stay.
"""

import json
import re
import time
from collections.abc import Mapping
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from lasaft_core.song import SongOptions

TRACK_FILE = "track.json"
NAME_BYTES = 200  # leaves room for " (2)" under the 255 bytes that file systems allow
WRITE_SECONDS = 1.0  # an owner writes its few bytes at once; what takes longer was broken off


def song_name(uri: str) -> str:
    """The source's name without suffix, made fit to be one folder inside another."""
    path = urlsplit(uri).path if uri.startswith(("http://", "https://")) else uri
    name = path.rsplit("/", 1)[-1]
    stem = re.sub(r"\.[A-Za-z0-9]{1,5}$", "", name)
    safe = "".join(char if char.isprintable() and char not in "/\\" else "_" for char in stem)
    short = safe.encode()[:NAME_BYTES].decode(errors="ignore")
    return short.rstrip(" .") or "untitled"


def claim_folder(root: Path, uri: str, content_sha256: str) -> Path:
    """The folder of this source: its own from an earlier run, else the first free one."""
    name = song_name(uri)
    for number in count(1):
        folder = root / (name if number == 1 else f"{name} ({number})")
        if _owner(folder) is None and not _take(folder, uri, content_sha256):
            continue
        if _owner(folder) == uri:
            return folder
    raise AssertionError("count() does not end")


def read_record(folder: Path) -> dict[str, Any]:
    """What `track.json` says; empty if it is missing, damaged or of another make."""
    try:
        record = json.loads((folder / TRACK_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def write_record(folder: Path, record: Mapping[str, object]) -> None:
    """Replaces `track.json` whole."""
    part = folder / f".{TRACK_FILE}.{uuid4().hex}"
    part.write_text(json.dumps(record, indent=1), encoding="utf-8")
    part.replace(folder / TRACK_FILE)


def fill_folder(folder: Path, made: Path, record: Mapping[str, Any]) -> None:
    """Moves the finished `record["stems"]` from the folder `made` into this one.

    Earlier stems that belong with them are kept and stay in the record. Broken off halfway the
    folder's record claims no stems, and the next time clears what was left.
    """
    earlier = read_record(folder)
    before = _own_files(earlier)
    stems = {**_kept(folder, earlier, record), **record["stems"]}
    unfinished = sorted({*before, *stems})
    owner = {name: record[name] for name in ("source_uri", "content_sha256")}
    write_record(folder, {**owner, "unfinished": unfinished})
    for name in before - stems.keys():
        (folder / name).unlink(missing_ok=True)
    for name in record["stems"]:
        (made / name).replace(folder / name)
    write_record(folder, {**record, "stems": stems})


def _own_files(record: Mapping[str, Any]) -> set[str]:
    """What the record says is ours to remove; a path that leads elsewhere never is."""
    names = {*record.get("stems", ()), *record.get("unfinished", ())}
    return {name for name in names if Path(name).name == name and name not in ("..", TRACK_FILE)}


def _kept(folder: Path, earlier: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Any]:
    """Earlier stems made alike in all but the targets. A residual is what its targets left."""
    if "options" not in earlier or record["options"]["residual"]:
        return {}
    if _manner(earlier) != _manner(record):
        return {}
    return {name: stem for name, stem in earlier["stems"].items() if (folder / name).exists()}


def _manner(record: Mapping[str, Any]) -> dict[str, Any]:
    """An option that the record's version did not have yet was as it is by default now."""
    options = {**asdict(SongOptions()), **record["options"], "targets": None}
    return {**record, "options": options, "stems": None}


def _owner(folder: Path) -> str | None:
    """The URI that owns the folder, empty if nobody can tell; None without a `track.json`."""
    deadline = time.monotonic() + WRITE_SECONDS
    while (folder / TRACK_FILE).exists():
        record = read_record(folder)
        if record or time.monotonic() > deadline:
            return str(record.get("source_uri", ""))
        time.sleep(0.02)
    return None


def _take(folder: Path, uri: str, content_sha256: str) -> bool:
    """Creates the folder or fills an empty one; False if it holds what is not ours."""
    record = json.dumps({"source_uri": uri, "content_sha256": content_sha256})
    try:
        folder.mkdir(exist_ok=True)
        if any(path.name != TRACK_FILE for path in folder.iterdir()):
            return False
        with (folder / TRACK_FILE).open("x", encoding="utf-8") as file:
            file.write(record)
    except FileExistsError:  # a file has this name, or another process was quicker
        return folder.is_dir()
    return True
