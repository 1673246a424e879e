"""A source's tags under one set of names, whatever its container calls them."""

from collections.abc import Mapping
from typing import Final

SYNONYMS: Final = {
    "tsrc": "isrc",
    "year": "date",
    "track": "tracknumber",
    "disc": "discnumber",
    "album_artist": "albumartist",
    "description": "comment",
    "tbpm": "bpm",
    "tmpo": "bpm",
    "unsyncedlyrics": "lyrics",
}
# What libsndfile can write into WAV.
CARRIED: Final = (
    "title",
    "artist",
    "album",
    "date",
    "genre",
    "tracknumber",
    "comment",
    "copyright",
    "license",
)


# Container book-keeping, not the song's.
DROPPED: Final = frozenset(
    (
        *("major_brand", "minor_version", "compatible_brands", "handler_name", "vendor_id"),
        *("language", "encoder", "duration", "software"),
    )
)
# What is true of the song's own samples only, and binary frames.
DROPPED_PREFIXES: Final = ("replaygain_", "r128_", "itun", "id3v2_priv.", "cuesheet", "accuraterip")
LYRICS_PREFIX: Final = "lyrics-"  # FFmpeg adds the language


def normalise(raw: Mapping[str, str]) -> dict[str, str]:
    """Lower-case names; empty values are dropped, the container's own name wins over a synonym."""
    lower = {name.lower(): value.strip("\0 \n") for name, value in raw.items()}
    named = [(common_name(name), name, value) for name, value in lower.items() if value]
    tags = {common: value for common, name, value in named if common != name}
    tags |= {common: value for common, name, value in named if common == name}
    return {name: value for name, value in tags.items() if not is_dropped(name)}


def common_name(name: str) -> str:
    return "lyrics" if name.startswith(LYRICS_PREFIX) else SYNONYMS.get(name, name)


def is_dropped(name: str) -> bool:
    return name in DROPPED or name.startswith(DROPPED_PREFIXES)
