"""What a destination's store holds, attempt by attempt, in the order of a listing.

stems/<model12>/<aa>/<work_id>/<attempt>/<name>     a shard is one <model12>/<aa>
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Final, NamedTuple

from lasaft_core.catalog.publication import TRACK_JSON, stems_uri
from lasaft_core.errors import StoreError
from lasaft_core.storage import ObjectStat, join, list_below, list_objects

_PLACE: Final = re.compile(r"([0-9a-f]{12})/([0-9a-f]{2})/([0-9a-f]{64})/([^/]+)/([^/]+)")


class Shard(NamedTuple):
    """A model's works whose name begins with the same two digits."""

    model12: str
    works: str


@dataclass(frozen=True, slots=True)
class HeldAttempt:
    """One attempt's objects by name, as the store has them; whole or not."""

    shard: Shard
    prefix: str
    objects: Mapping[str, ObjectStat]

    @property
    def mtime(self) -> float:
        """Of its newest object, in seconds since 1970; 0 where the store tells none."""
        return max(found.mtime or 0.0 for found in self.objects.values())

    @property
    def work_id(self) -> str:
        """Of what the stems were made of and with."""
        return self.prefix.rsplit("/", 2)[1]

    @property
    def is_described(self) -> bool:
        """Whether its `track.json` is there, the last that is put and the first that is removed."""
        return TRACK_JSON in self.objects


def held_attempt(prefix: str) -> HeldAttempt | None:
    """One attempt as the store has it now; None where nothing of it is there. Raises StoreError."""
    objects = {found.uri.rpartition("/")[2]: found for found in list_below(prefix)}
    return HeldAttempt(Shard(*prefix.split("/")[-4:-2]), prefix, objects) if objects else None


def attempts_by_shard(dest_uri: str) -> Iterator[tuple[Shard, list[HeldAttempt]]]:
    """All shards of which the store holds anything, one in memory at a time; objects that no
    attempt can have put there are passed over. Raises StoreError."""
    yield from _grouped(_attempts(stems_uri(dest_uri)))


def _attempts(base: str) -> Iterator[HeldAttempt]:
    placed = ((_PLACE.fullmatch(found.uri[len(base) + 1 :]), found) for found in _objects(base))
    named = ((match.groups(), found) for match, found in placed if match)
    for place, group in groupby(named, key=lambda pair: pair[0][:4]):
        objects = {groups[4]: found for groups, found in group}
        yield HeldAttempt(Shard(*place[:2]), join(base, *place), objects)


def _objects(base: str) -> Iterator[ObjectStat]:
    """None where there is no such place yet."""
    try:
        yield from list_objects(base)
    except StoreError as error:
        if not isinstance(error.__cause__, FileNotFoundError):
            raise


def _grouped(attempts: Iterator[HeldAttempt]) -> Iterator[tuple[Shard, list[HeldAttempt]]]:
    for shard, group in groupby(attempts, key=attrgetter("shard")):
        yield shard, list(group)
