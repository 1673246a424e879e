"""The driver loop: starts workers, hands out tracks, replaces the dead, winds down at the end.

    staff: start, replace -> dispatch, longest first, three each -> wait -> settle | bury | retire
      ^                                                                      |
      +----------------------------------------------------------------------+

A worker that dies is charged to the track that was on its device, as last heard; the others go
back without a charge, each to an idle worker, where it is the first. The charged track runs alone
next, then alone with the smallest batch; when it loses that worker too it is quarantined with the
history of its attempts. Where there are several machines, it is not tried twice on the same one.

Where an on-demand run wants workers, as many give back what is queued, finish what is on their
devices and end; they are started again when that run is over. A worker that waits for room is let
wait while another one is at work.
"""

import logging
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from threading import Event
from time import monotonic
from typing import Any, Final

import ray
from ray.exceptions import ActorUnavailableError, RayError, RayTaskError

from lasaft_core.errors import WorkersUnavailable
from ray_actors.actor import OUTSTANDING, Assignment, Slot
from ray_actors.attempts import broken, lost_attempt, quarantined
from ray_actors.backlog import Backlog
from ray_actors.credentials import redacted, redacted_lines
from ray_actors.messages import (
    Gate,
    OnTick,
    OpenGate,
    PoolOptions,
    TrackResult,
    TrackTask,
    WorkerFactory,
    WorkerSettings,
)
from ray_actors.placement import Losses
from ray_actors.resources import WorkerPlan

logger = logging.getLogger(__name__)

POLL_SECONDS: Final = 1.0
ASK_SECONDS: Final = 0.5  # between two looks at how far all workers are
REPLY_SECONDS: Final = 30.0  # for what is there already, and for a probe


class DriverLoop:
    """One run over one list of tracks."""

    def __init__(
        self,
        plan: WorkerPlan,
        factory: WorkerFactory,
        settings: WorkerSettings,
        options: PoolOptions,
    ) -> None:
        self._plan, self._factory = plan, factory
        self._settings, self._options = settings, options
        self._backlog = Backlog(())
        self._gate: Gate = OpenGate()
        self._losses = Losses()
        self._places = plan.count  # for workers; one whose worker never started is given up
        self._reached = 0  # workers that were ready when none was last wanted elsewhere
        self._ready_at = 0.0  # when a worker was last there to do the work
        self._slots: list[Slot] = []
        self._first_failure = ""
        self._asked_at, self._audio_seconds = -ASK_SECONDS, 0.0

    def results(
        self,
        tasks: Sequence[TrackTask],
        *,
        stop: Event,
        enough: Event | None = None,
        on_tick: OnTick | None = None,
        gate: Gate | None = None,
    ) -> Generator[TrackResult, None, None]:
        """Each finished track's result, as it comes; tracks cut off by `stop` have none."""
        self._gate, enough = gate or self._gate, enough or Event()
        self._backlog = Backlog(
            tasks,
            self._gate,
            batch=OUTSTANDING * self._plan.count,
            patience_seconds=self._options.patience_seconds,
        )
        try:
            while not (stop.is_set() or enough.is_set()) and self._unfinished():
                self._staff()
                self._dispatch()
                yield from self._collect(stop)
                yield from self._overdue()
                self._tick(on_tick)
            yield from self._wind_down(stop, on_tick)
            yield from self._drain(on_tick)
        finally:
            for slot in self._slots:
                slot.kill()

    def _start(self) -> Slot:
        return Slot.start(self._plan.share.actor_options(), self._factory, self._settings)

    def _unfinished(self) -> bool:
        return bool(self._backlog) or any(slot.outstanding for slot in self._slots)

    def _tick(self, on_tick: OnTick | None) -> None:
        if monotonic() - self._asked_at >= ASK_SECONDS:
            self._asked_at = monotonic()
            self._audio_seconds = sum(slot.audio_seconds() for slot in self._slots)
        if on_tick is not None:
            on_tick(self._audio_seconds)

    def _staff(self) -> None:
        """As many workers as there are places, less those that are wanted elsewhere."""
        if not self._gate.workers_wanted:
            self._reached = sum(slot.facts is not None for slot in self._slots)
        room = self._room
        self._backlog.put_back([task for slot in self._staying[room:] for task in slot.leave()])
        for slot in [slot for slot in self._slots if slot.is_leaving and not slot.outstanding]:
            self._dismiss(slot)
        if len(self._backlog):
            self._slots += [self._start() for _ in range(room - len(self._slots))]

    @property
    def _room(self) -> int:
        """A place that never had a worker, for want of CPUs, is none that others can get."""
        wanted = self._gate.workers_wanted
        if not wanted:
            return self._places
        return max(0, min(self._places, self._reached or self._places) - wanted)

    @property
    def _staying(self) -> list[Slot]:
        """Those that are to leave first come last: not yet ready, then idle."""
        staying = [slot for slot in self._slots if not slot.is_leaving]
        return sorted(staying, key=lambda slot: (slot.facts is None, not slot.outstanding))

    def _dispatch(self) -> None:
        """One each before anyone gets a second."""
        if self._gate.workers_wanted:
            self._backlog.give_back()
        slots = self._losses.usable(self._staying[: self._room])
        to_run_empty = self._losses.to_run_empty(self._backlog.charged, slots)
        for depth in range(1, OUTSTANDING + 1):
            for slot in slots:
                if slot.has_room(depth) and not (slot.outstanding and slot in to_run_empty):
                    self._hand_out(slot, slots)

    def _hand_out(self, slot: Slot, slots: Sequence[Slot]) -> None:
        task = self._backlog.take(
            idle=not slot.outstanding,
            is_end=not any(other.outstanding for other in self._slots),
            suits=lambda task: self._losses.may_take(slot, task, slots),
        )
        if task is not None:
            slot.assign(task)

    def _collect(self, stop: Event) -> Iterator[TrackResult]:
        waiting = {ref: slot for slot in self._slots for ref in slot.refs()}
        if not waiting:
            stop.wait(POLL_SECONDS)  # all workers are wanted elsewhere, or all tracks
            return
        ready, _ = ray.wait(list(waiting), timeout=POLL_SECONDS)
        if ready:
            ready, _ = ray.wait(list(waiting), num_returns=len(waiting), timeout=0)
        for ref in ready:
            slot = waiting[ref]
            if slot not in self._slots:  # buried with another of its tracks
                continue
            if slot.facts is None:
                self._greet(slot)
            else:
                yield from self._receive(slot, ref)

    def _greet(self, slot: Slot) -> None:
        try:
            slot.facts = ray.get(slot.ready_ref, timeout=REPLY_SECONDS)
        except RayError as error:
            self._retire(slot, str(error))

    def _retire(self, slot: Slot, failure: str) -> None:
        """A worker that never became ready is not replaced: the next would fare alike."""
        self._dismiss(slot)
        self._places -= 1
        self._first_failure = self._first_failure or failure
        logger.warning("worker_start=failed workers_left=%d", self._places)
        for line in redacted_lines(failure):
            logger.warning("worker_start=failed %s", line)
        if not self._places:
            last_line = self._first_failure.strip().splitlines()[-1]
            raise WorkersUnavailable(
                f"no worker is left: {redacted(last_line)}",
                remedy="the log has the first worker's whole traceback",
            )

    def _receive(self, slot: Slot, ref: Any) -> Iterator[TrackResult]:
        assignment = next(held for held in slot.outstanding if held.ref == ref)
        try:
            result = ray.get(ref, timeout=REPLY_SECONDS)
        except RayTaskError as error:
            result = broken(assignment.task, self._settings, _cause(error))
        except ActorUnavailableError as error:
            yield from self._probe(slot, assignment, _cause_of_death(error))
            return
        except RayError as error:
            yield from self._bury(slot, _cause_of_death(error))
            return
        slot.settle(assignment)
        self._losses.finished(slot.node or "")
        yield self._finished(assignment.task, result)

    def _finished(self, task: TrackTask, result: TrackResult) -> TrackResult:
        self._backlog.finished(task, done=result.row.status == "done")
        return result

    def _probe(self, slot: Slot, assignment: Assignment, failure: str) -> Iterator[TrackResult]:
        """A worker out of reach may be well: it keeps its place if it answers."""
        if not slot.answers(REPLY_SECONDS):
            yield from self._bury(slot, failure)
            return
        slot.settle(assignment)
        self._give_back(assignment.task)

    def _give_back(self, task: TrackTask) -> None:
        if task.history:
            self._backlog.suspect(task)
        else:
            self._backlog.requeue(task)

    def _bury(self, slot: Slot, failure: str) -> Iterator[TrackResult]:
        self._dismiss(slot)
        finished = [(held, _late_result(held)) for held in slot.outstanding]
        slot.outstanding = deque(held for held, result in finished if result is None)
        for held, result in finished:
            if result is not None:
                yield self._finished(held.task, result)
            elif held is slot.on_device:
                yield from self._charge(held.task, failure, slot)
            else:
                self._backlog.suspect(held.task)  # it may have been decoded ahead, and be the one

    def _charge(self, task: TrackTask, failure: str, slot: Slot) -> Iterator[TrackResult]:
        worker = slot.name
        task = lost_attempt(task, failure, worker)
        logger.warning("worker=%s lost_with=%s attempt=%d", worker, task.source.uri, task.attempt)
        self._note_death(task, slot.node or "")
        if len(task.history) >= self._options.max_losses:
            yield self._finished(task, quarantined(task, self._settings))
        else:
            self._backlog.suspect(task)

    def _note_death(self, task: TrackTask, node: str) -> None:
        was_bad = self._losses.is_bad(node)
        self._losses.died(task, node)
        if self._losses.is_bad(node) and not was_bad:
            logger.warning("machine=%s bad=yes reason='one track after another died there'", node)

    def _overdue(self) -> Iterator[TrackResult]:
        if any(slot.facts for slot in self._slots):
            self._ready_at = monotonic()
        for slot in list(self._slots):
            if slot.facts is None:
                self._check_start(slot)
            elif slot.outstanding:
                assert slot.on_device
                deadline_seconds = self._options.deadline_seconds(slot.on_device.task)
                if slot.stalled_seconds() > deadline_seconds:
                    yield from self._bury(slot, f"no progress within {deadline_seconds:.0f} s")

    def _check_start(self, slot: Slot) -> None:
        options, share = self._options, self._plan.share
        wanted = f"{share.cpus:g} CPUs and {share.gpus:g} GPUs"
        limit_seconds = options.room_seconds if self._room_may_come else options.start_seconds
        if monotonic() - max(slot.started_at, self._ready_at) > limit_seconds:
            self._retire(slot, f"not ready within {limit_seconds:.0f} s; it asked for {wanted}")
        elif monotonic() - slot.started_at > options.start_seconds and not slot.is_late:
            slot.is_late = True
            logger.warning("worker_start=late it waits for %s, or for its checkpoint", wanted)

    @property
    def _room_may_come(self) -> bool:
        return self._gate.others_at_work or self._options.cpus_per_worker is not None

    def _wind_down(self, stop: Event, on_tick: OnTick | None) -> Iterator[TrackResult]:
        """Drops what is queued; waits for what is on the devices, until `stop`."""
        forgotten = [task for slot in self._slots for task in slot.forget_queued()]
        self._dismiss_idle()
        if self._slots and not stop.is_set():  # others need not wait for what is not begun
            self._backlog.put_back(forgotten)
            self._backlog.give_back()
        while self._slots and not stop.is_set():
            yield from self._collect(stop)
            yield from self._overdue()
            self._dismiss_idle()
            self._tick(on_tick)

    def _drain(self, on_tick: OnTick | None) -> Iterator[TrackResult]:
        """Waits a bounded time for what is on the devices."""
        limit = monotonic() + self._options.drain_seconds
        while self._slots and monotonic() < limit:
            yield from self._collect(Event())
            self._dismiss_idle()
            self._tick(on_tick)

    def _dismiss_idle(self) -> None:
        for slot in [slot for slot in self._slots if not slot.outstanding]:
            self._dismiss(slot)

    def _dismiss(self, slot: Slot) -> None:
        slot.kill()
        self._slots.remove(slot)


def _cause(error: RayTaskError) -> Exception:
    """What the worker itself raised, without Ray's traceback around it."""
    return error.cause if isinstance(error.cause, Exception) else error


def _cause_of_death(error: RayError) -> str:
    """The telling part of Ray's long text: how the process ended."""
    text = str(error).partition("Some common causes include")[0]
    return text.partition("The actor is dead because ")[2] or text


def _late_result(assignment: Assignment) -> TrackResult | None:
    """What a dead worker had finished before it died."""
    if not ray.wait([assignment.ref], timeout=0)[0]:
        return None
    try:
        result: TrackResult = ray.get(assignment.ref, timeout=REPLY_SECONDS)
    except RayError:
        return None
    return result
