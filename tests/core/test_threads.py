"""Reading ahead and writing behind: in order, bounded, and no error lost."""

from itertools import count
from threading import Event, Semaphore, current_thread

import pytest

from lasaft_core.threads import ReadAhead, WriteBehind


def test_items_come_in_order_and_end():
    with ReadAhead(iter(range(1, 8)), 3) as ahead:
        assert list(ahead) == [1, 2, 3, 4, 5, 6, 7]


def test_reading_begins_before_anyone_asks_and_goes_no_further_than_its_depth():
    made, third = [], Event()

    def make():
        for number in count(1):
            made.append((number, current_thread()))
            if number == 3:
                third.set()
            yield number

    with ReadAhead(make(), 3) as ahead:
        assert third.wait(10)
        first = next(iter(ahead))

    assert first == 1
    assert len(made) <= 4
    assert {thread for _, thread in made} != {current_thread()}


def test_a_failure_comes_after_the_items_before_it():
    def make():
        yield 1
        yield 2
        raise ValueError("broken")

    got = []
    with pytest.raises(ValueError, match="broken"), ReadAhead(make(), 5) as ahead:
        got.extend(ahead)

    assert got == [1, 2]


def test_what_is_put_is_done_in_order_in_another_thread():
    done = []

    with WriteBehind(lambda item: done.append((item, current_thread())), 2) as writer:
        for item in range(20):
            writer.put(item)
        writer.finish()

    assert [item for item, _ in done] == list(range(20))
    assert current_thread() not in {thread for _, thread in done}


def test_no_more_waits_to_be_written_than_the_depth():
    allowed, done = Semaphore(0), []

    def write(item):
        allowed.acquire(timeout=10)
        done.append(item)

    with WriteBehind(write, 2) as writer:
        for item in range(10):
            if item >= 2:
                allowed.release()
            writer.put(item)
            assert len(done) >= item + 1 - 2
        allowed.release(2)
        writer.finish()


def write_all(function, items, depth):
    with WriteBehind(function, depth) as writer:
        for item in items:
            writer.put(item)
        writer.finish()


@pytest.mark.parametrize("items", [[1, 2], [1]])
def test_a_failed_write_is_told_to_the_next_who_puts_or_finishes(items):
    def fail(item):
        raise OSError(f"no room for {item}")

    with pytest.raises(OSError, match="no room for 1"):
        write_all(fail, items, 1)


def test_leaving_early_drops_what_waits():
    gate, done = Event(), []

    def write(item):
        gate.wait(10)
        done.append(item)

    def leave():
        yield from range(5)
        gate.set()
        raise RuntimeError("leaves")

    with pytest.raises(RuntimeError, match="leaves"):
        write_all(write, leave(), 5)

    assert done == list(range(len(done)))
