"""A small document that several runs change at the same time: none of their changes is lost.

    dest/claims/<version>.json      the newest counts; a change is the creation of the next one

Needs nothing of a store but creation that is refused where the name is taken, which the table's
commits need as well. A writer whose version is not the newest once it is written has built on an
old one: versions go only after a newer one is there, so that a name which is free below the newest
was taken once. Four requests a change where nobody else writes.
"""

import json
import random
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from lasaft_core.errors import SourceGone, StoreUnavailable
from lasaft_core.storage import canonical_uri, create, join, list_names, read_bytes, remove

_TRIES: Final = 30
_PAUSE_SECONDS: Final = 0.05
_SUFFIX: Final = ".json"

Document = Mapping[str, Any]


class Ledger:
    """Not for several threads at once. All methods raise StoreError or StoreUnavailable."""

    def __init__(self, dest_uri: str) -> None:
        self._base = join(canonical_uri(dest_uri), "claims")
        self._version = 0
        self.document: Document = {}  # as last seen

    def refresh(self) -> None:
        """The newest document; none yet, or one that is no JSON, is empty.

        A local folder whose file is replaced while it is listed may seem empty once.
        """
        for _ in range(_TRIES):
            versions = self._versions() or self._versions()
            self._version = max(versions, default=0)
            if not versions:
                self.document = {}
                return
            try:
                self.document = _parsed(read_bytes(self._uri(self._version)))
            except SourceGone:  # a newer one has taken its place
                continue
            return
        raise StoreUnavailable(f"{self._base} changes faster than it can be read")

    def update(self, change: Callable[[Document], Document]) -> None:
        """`change` may be asked several times, each time with a newer document."""
        for tried in range(_TRIES):
            changed = change(self.document)
            if self._put(changed):
                self.document = changed
                return
            time.sleep(random.uniform(0, _PAUSE_SECONDS * 2 ** min(tried, 5)))  # noqa: S311
            self.refresh()
        raise StoreUnavailable(f"{self._base}: {_TRIES} changes lost to other runs")

    def _put(self, changed: Document) -> bool:
        mine = self._version + 1
        if not create(json.dumps(changed).encode(), self._uri(mine)):
            return False
        versions = self._versions()
        if max(versions, default=0) != mine:
            return False
        for old in versions:
            if old < mine:
                remove(self._uri(old))
        self._version = mine
        return True

    def _versions(self) -> list[int]:
        names = (name.removesuffix(_SUFFIX) for name in list_names(self._base))
        return [int(name) for name in names if name.isdecimal()]

    def _uri(self, version: int) -> str:
        return join(self._base, f"{version:012}{_SUFFIX}")


def _parsed(data: bytes) -> Document:
    try:
        document = json.loads(data)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
