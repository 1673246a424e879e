"""Which keys a table version holds, small enough to stay in memory: 8 bytes a key.

It knows hashes only, so its yes means "perhaps" and is looked up in the table; its no is certain,
and lets a batch of new rows be appended without reading the table again.
"""

from collections.abc import Iterable

import numpy as np

Key = tuple[str, str]


class KeyIndex:
    """Keys of one table version, and of what this writer has committed since."""

    def __init__(self, version: int, keys: Iterable[Key]) -> None:
        self.version = version
        self._stored = np.sort(np.fromiter(map(hash, keys), dtype=np.int64))
        self._added: set[int] = set()

    def may_hold(self, keys: Iterable[Key]) -> bool:
        """False when none of the keys is in the table."""
        hashes = np.fromiter(map(hash, keys), dtype=np.int64)
        if not self._added.isdisjoint(hashes.tolist()):
            return True
        places = np.searchsorted(self._stored, hashes)
        inside = places < len(self._stored)
        return bool((self._stored[places[inside]] == hashes[inside]).any())

    def add(self, version: int, keys: Iterable[Key]) -> None:
        """The keys of a commit of our own, which made this version."""
        self.version = version
        self._added.update(map(hash, keys))
