"""What is still to be handed out, and in which order. Knows no Ray.

    ready     longest first
    held      followers of a group: released when their leader has finished
    suspects  tracks that were on a worker when it died: to an idle worker, and alone there

A leader that could not be done hands the lead to the next of its group, so that the same bytes
are never separated twice at once.
"""

from collections import deque
from collections.abc import Iterable
from heapq import heappop, heappush

from ray_actors.messages import TrackTask


class Backlog:
    """Tasks that no worker holds."""

    def __init__(self, tasks: Iterable[TrackTask]) -> None:
        self._ready: list[tuple[float, int, TrackTask]] = []
        self._suspects: deque[TrackTask] = deque()
        self._held: dict[str, deque[TrackTask]] = {}
        self._added = 0
        for task in tasks:
            self._admit(task)

    def __bool__(self) -> bool:
        return bool(self._ready or self._suspects)

    def __len__(self) -> int:
        held = sum(len(followers) for followers in self._held.values())
        return len(self._ready) + len(self._suspects) + held

    def _admit(self, task: TrackTask) -> None:
        if task.group is None:
            self.requeue(task)
        elif task.group in self._held:
            self._held[task.group].append(task)
        else:
            self._held[task.group] = deque()
            self.requeue(task)

    def requeue(self, task: TrackTask) -> None:
        """Back into the order, without any charge."""
        self._added += 1
        heappush(self._ready, (-task.audio_seconds_estimate, self._added, task))

    def suspect(self, task: TrackTask) -> None:
        """To be run alone, as soon as a worker is idle."""
        self._suspects.append(task)

    def take(self, *, idle: bool) -> TrackTask | None:
        """The next task; a suspect only for an idle worker."""
        if idle and self._suspects:
            return self._suspects.popleft()
        return heappop(self._ready)[2] if self._ready else None

    def finished(self, task: TrackTask, *, done: bool) -> None:
        """Releases the followers of a done leader, or the next in line of one that was not."""
        followers = self._held.get(task.group or "")
        if not followers:
            return
        for _ in range(len(followers) if done else 1):
            self.requeue(followers.popleft())
