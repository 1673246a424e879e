"""A source's tags under one set of names, whatever its container calls them."""

from collections.abc import Mapping
from typing import Final

SYNONYMS: Final = {
    "tsrc": "isrc",
    "year": "date",
    "track": "tracknumber",
    "description": "comment",
}
# What libsndfile can write into FLAC and WAV.
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


def normalise(raw: Mapping[str, str]) -> dict[str, str]:
    """Lower-case names; empty values are dropped, the container's own name wins over a synonym."""
    lower = {name.lower(): value.strip("\0 \n") for name, value in raw.items()}
    tags = {SYNONYMS[name]: value for name, value in lower.items() if SYNONYMS.get(name)}
    tags |= {name: value for name, value in lower.items() if name not in SYNONYMS}
    return {name: value for name, value in tags.items() if value and name not in DROPPED}
