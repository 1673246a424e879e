"""A song's stems in a folder: one that `lasaft-stems separate` wrote, or any of audio files."""

import json
from pathlib import Path
from typing import Final

from lasaft_core.errors import InvalidOption

_ORDER: Final = ("vocals", "drums", "bass", "other")
_SUFFIXES: Final = (".flac", ".wav")
_NO_STEMS: Final = ("mixture", "mix")


def stem_paths(folder: Path, content_sha256: str | None = None) -> dict[str, Path]:
    """Stems by target: those that `track.json` lists, or else all FLAC and WAV files.

    Raises InvalidOption where there are none, and where `track.json` names another song's hash.
    """
    record = _record(folder)
    made_of = record.get("content_sha256")
    if content_sha256 and made_of and made_of != content_sha256:
        raise InvalidOption(
            "--stems",
            expected="stems of this song",
            got=f"{folder}, made of {record.get('source_uri', 'another one')}",
        )
    found = _listed(folder, record) or {
        path.stem: path
        for path in (sorted(folder.iterdir()) if folder.is_dir() else [])
        if path.suffix.lower() in _SUFFIXES and path.stem not in _NO_STEMS
    }
    if not found:
        raise InvalidOption("--stems", expected="a folder with stems (FLAC, WAV)", got=folder)
    ranks = {target: rank for rank, target in enumerate(_ORDER)}
    return dict(sorted(found.items(), key=lambda item: (ranks.get(item[0], len(ranks)), item[0])))


def _record(folder: Path) -> dict[str, object]:
    path = folder / "track.json"
    if not path.is_file():
        return {}
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InvalidOption("--stems", expected="a readable track.json", got=path) from error
    return record if isinstance(record, dict) else {}


def _listed(folder: Path, record: dict[str, object]) -> dict[str, Path]:
    stems = record.get("stems")
    if not isinstance(stems, dict):
        return {}
    paths = {
        str(facts["target"]): folder / Path(name).name
        for name, facts in stems.items()
        if isinstance(facts, dict) and "target" in facts
    }
    missing = [path for path in paths.values() if not path.is_file()]
    if missing:
        raise InvalidOption("--stems", expected="the stems of its track.json", got=missing[0])
    return paths
