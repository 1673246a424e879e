"""Which machine a track goes to, as far as deaths of workers tell. Knows no Ray.

a track that lost its worker    to another machine, while there is one: a slot there runs empty
                                for it, so that no machine's fault is laid to a track
a machine under which several   nothing more, while there is another: they died there alone, and
tracks in a row have died       no track was done there in between
"""

from collections.abc import Sequence
from typing import Final, Protocol, TypeVar

from ray_actors.messages import TrackTask

BAD_AFTER_TRACKS: Final = 3


class Place(Protocol):
    """A worker's; `node` is None until it has started, which can be late."""

    @property
    def node(self) -> str | None: ...

    @property
    def is_late(self) -> bool: ...

    @property
    def outstanding(self) -> Sequence[object]: ...


AnyPlace = TypeVar("AnyPlace", bound=Place)


class Losses:
    """Where tracks have lost their workers."""

    def __init__(self) -> None:
        self._nodes: dict[str, set[str]] = {}  # of each track that died
        self._in_a_row: dict[str, set[str]] = {}  # tracks of each node since one was done there

    def died(self, task: TrackTask, node: str) -> None:
        self._nodes.setdefault(task.source.uri, set()).add(node)
        self._in_a_row.setdefault(node, set()).add(task.source.uri)

    def finished(self, node: str) -> None:
        self._in_a_row.pop(node, None)

    def is_bad(self, node: str | None) -> bool:
        """A track that died on another node, too, is no witness."""
        tracks = self._in_a_row.get(node or "", ())
        return sum(self._nodes[uri] == {node} for uri in tracks) >= BAD_AFTER_TRACKS

    def usable(self, places: Sequence[AnyPlace]) -> Sequence[AnyPlace]:
        """Those on no bad node; all where there are no others, or they find no room."""
        good = [place for place in places if not self.is_bad(place.node)]
        return good if any(place.node or not place.is_late for place in good) else places

    def may_take(self, place: Place, task: TrackTask, places: Sequence[Place]) -> bool:
        """Not where it died, but where it died on each node."""
        died_on = self._nodes.get(task.source.uri, set())
        nodes = {other.node for other in places if other.node}
        return place.node not in died_on or nodes <= died_on

    def to_run_empty(
        self, tasks: Sequence[TrackTask], places: Sequence[AnyPlace]
    ) -> Sequence[AnyPlace]:
        """A place for each of the tasks that died, where it has not; the least busy of them."""
        chosen: list[AnyPlace] = []
        for task in tasks:
            died_on = self._nodes.get(task.source.uri, set())
            others = [p for p in places if p.node and p.node not in died_on and p not in chosen]
            if others:
                chosen.append(min(others, key=lambda place: len(place.outstanding)))
        return chosen
