"""Which objects of the sources are songs to look at, by name alone: nothing is opened."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import islice

from lasaft_core.storage import ObjectStat, canonical_uri, join, list_objects

_log = logging.getLogger(__name__)

# fmt: off
AUDIO_SUFFIXES = frozenset({
    ".aac", ".ac3", ".aif", ".aifc", ".aiff", ".ape", ".au", ".bwf", ".caf", ".dsf", ".eac3",
    ".flac", ".m4a", ".mka", ".mp2", ".mp3", ".mp4", ".oga", ".ogg", ".opus", ".rf64", ".snd",
    ".tta", ".w64", ".wav", ".wave", ".webm", ".wma", ".wv",
})
# fmt: on
WRITTEN_FOLDERS = ("stems", "catalog", "claims", "receipts")


@dataclass(frozen=True, slots=True)
class NameFilter:
    """Globs over the key below its source; `*` also matches `/`, case counts."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def takes(self, name: str) -> bool:
        """A name that an include glob takes needs no audio suffix: it was asked for."""
        if _matches(name, self.exclude):
            return False
        if self.include:
            return _matches(name, self.include)
        return is_audio(name) and not is_hidden(name)

    def hides(self, name: str) -> bool:
        """Would be taken if its name did not begin with a dot."""
        unasked = not self.include and not _matches(name, self.exclude)
        return unasked and is_audio(name) and is_hidden(name)


def _matches(name: str, globs: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs)


def is_audio(name: str) -> bool:
    """By suffix, in any case."""
    stem, dot, suffix = name.rpartition("/")[2].rpartition(".")
    return bool(stem) and f"{dot}{suffix.lower()}" in AUDIO_SUFFIXES


def is_hidden(name: str) -> bool:
    """One dot in front, as other programs' leavings have it; a title may begin with more."""
    last = name.rpartition("/")[2]
    return last.startswith(".") and not last.startswith("..")


def list_audio(
    sources: Sequence[str],
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    limit: int | None = None,
    skip_prefix: str | None = None,
) -> Iterator[ObjectStat]:
    """Each object once, in the order of the sources; a source is a prefix or one object.

    `skip_prefix` is the destination: what a run wrote there is never a source. It is left out
    whole where it lies inside a source, else `WRITTEN_FOLDERS` of it are. Raises StoreError.
    """
    names = NameFilter(tuple(include), tuple(exclude))
    bases = [canonical_uri(source) for source in sources]
    dest = canonical_uri(skip_prefix) if skip_prefix else None
    return islice(_found(bases, names, dest), limit)


def _found(bases: list[str], names: NameFilter, dest: str | None) -> Iterator[ObjectStat]:
    hidden = 0
    for index, base in enumerate(bases):
        left_out = [*bases[:index], *_written(dest, base)]
        for found in list_objects(base):
            if any(_within(found.uri, other) for other in left_out):
                continue
            name = _relative(found.uri, base)
            hidden += names.hides(name)
            if _is_text(found.uri) and names.takes(name):
                yield found
    if hidden:
        remedy = "take them with --include"
        _log.warning("left_out=%d reason=name_begins_with_a_dot remedy=%r", hidden, remedy)


def _written(dest: str | None, base: str) -> list[str]:
    if dest is None:
        return []
    inside = dest != base and _within(dest, base)
    return [dest] if inside else [join(dest, name) for name in WRITTEN_FOLDERS]


def _within(uri: str, base: str) -> bool:
    return uri == base or uri.startswith(f"{base}/")


def _relative(uri: str, base: str) -> str:
    """The key below its source; of a source that is one object, its name."""
    return uri[len(base) + 1 :] if uri != base else base.rpartition("/")[2]


def _is_text(uri: str) -> bool:
    """File systems hold names that are no Unicode; a table cannot."""
    if uri.isascii() or not any("\ud800" <= sign <= "\udfff" for sign in uri):
        return True
    _log.warning("left_out=%a reason=name_is_not_unicode remedy='rename it'", uri)
    return False
