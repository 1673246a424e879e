"""What is still to be handed out, and in which order. Knows no Ray.

    ready     longest first
    admitted  through the gate, next to go
    deferred  held by another run: asked for again when nothing else is left, for a while
    held      followers of a group: released when their leader has finished
    suspects  tracks that were on a worker when it died: to an idle worker; charged ones alone, to
              one that suits them

A leader that could not be done hands the lead to the next of its group. After one that could be,
all others go at once: where a group is no more than one size, it may be thousands of different
songs, which must not wait for each other, at the price that copies among them may be done twice.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable
from heapq import heappop, heappush
from time import monotonic
from typing import Final

from ray_actors.messages import Gate, OpenGate, TrackTask

ASK_AGAIN_SECONDS: Final = 3.0
ASKING_SECONDS: Final = 2.0  # at a time: what is to be passed over must not hold up the run
Suits = Callable[[TrackTask], bool]


def _any_suits(_: TrackTask) -> bool:
    return True


class Backlog:
    """Tasks that no worker holds. The gate is asked for `batch` tasks at once."""

    def __init__(
        self,
        tasks: Iterable[TrackTask],
        gate: Gate | None = None,
        *,
        batch: int = 1,
        patience_seconds: float = 0.0,
    ) -> None:
        self._gate, self._batch = gate or OpenGate(), batch
        self._ready: list[tuple[float, int, TrackTask]] = []
        self._admitted: deque[TrackTask] = deque()
        self._deferred: list[TrackTask] = []
        self._suspects: deque[TrackTask] = deque()
        self._held: dict[str, deque[TrackTask]] = {}
        self._added = 0
        self._patience_seconds = patience_seconds
        self._asked_at = 0.0
        self._waiting_since: float | None = None  # for other runs, with nothing else to do
        for task in tasks:
            self._admit(task)

    def __bool__(self) -> bool:
        return bool(self._ready or self._suspects or self._admitted or self._deferred)

    def __len__(self) -> int:
        waiting = len(self._admitted) + len(self._deferred)
        held = sum(len(followers) for followers in self._held.values())
        return len(self._ready) + len(self._suspects) + waiting + held

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
        """To be the first of its worker, as soon as one is idle; charged ones before others."""
        if task.history:
            self._suspects.appendleft(task)
        else:
            self._suspects.append(task)

    @property
    def charged(self) -> list[TrackTask]:
        """Those that have lost a worker."""
        return [task for task in self._suspects if task.history]

    def take(
        self, *, idle: bool, is_end: bool = True, suits: Suits = _any_suits
    ) -> TrackTask | None:
        """The next task, if there is one just now; a suspect only for an idle worker. `is_end`: no
        worker holds any; patience with other runs begins then."""
        suspect = next(filter(suits, self._suspects), None) if idle else None
        if suspect is not None:
            self._suspects.remove(suspect)
            return suspect
        until = monotonic() + ASKING_SECONDS
        while not self._admitted and self._ready and monotonic() < until:
            self._ask_for_ready()
        if not self._admitted and not self._ready and self._deferred:
            self._ask_for_deferred(is_end=is_end)
        return self._admitted.popleft() if self._admitted else None

    def give_back(self) -> None:
        """What is admitted but not handed out goes back, for a run that is to go first."""
        self.put_back(self._admitted)
        self._admitted.clear()

    def put_back(self, tasks: Collection[TrackTask]) -> None:
        """Admitted, but not begun: whoever asks next may have them."""
        if tasks:
            self._gate.give_back(list(tasks))
        for task in tasks:
            self.requeue(task)

    def finished(self, task: TrackTask, *, done: bool) -> None:
        """Releases the followers of a done leader, or the next in line of one that was not."""
        followers = self._held.get(task.group or "")
        if not followers:
            return
        for _ in range(len(followers) if done else 1):
            self.requeue(followers.popleft())

    def _ask_for_ready(self) -> None:
        count = min(self._batch, len(self._ready))
        self._deferred += self._ask([heappop(self._ready)[2] for _ in range(count)])
        self._waiting_since = None

    def _ask_for_deferred(self, *, is_end: bool) -> None:
        now = monotonic()
        if not is_end:
            self._waiting_since = None
        elif self._waiting_since is None:
            self._waiting_since = now
        since = self._waiting_since
        is_last = since is not None and now - since >= self._patience_seconds
        if now - self._asked_at < ASK_AGAIN_SECONDS and not is_last:
            return
        self._deferred = self._ask(self._deferred)
        if self._admitted:
            self._waiting_since = None
        if is_last:
            self._gate.pass_over(self._deferred)
            for task in self._deferred:
                self.finished(task, done=False)
            self._deferred = []

    def _ask(self, tasks: list[TrackTask]) -> list[TrackTask]:
        """Those that another run holds."""
        self._asked_at = monotonic()
        admission = self._gate.admit(tasks)
        self._admitted.extend(admission.granted)
        for task in admission.done:
            self.finished(task, done=True)
        return list(admission.held)
