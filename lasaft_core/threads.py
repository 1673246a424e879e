"""Work in a thread beside: making what is needed next, and finishing what is needed no more.

    ReadAhead    iterator -> thread -> at most so many items waiting -> next()
    WriteBehind  put(item) -> at most so many items waiting -> thread -> function

Both hand on what their thread raises, to whoever asks for the next item or puts one.
"""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, Self, TypeVar

Item = TypeVar("Item")


class _Beside(Generic[Item]):
    """One thread, and what it was asked to do, oldest first."""

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=type(self).__name__)
        self._asked: deque[Future[Item]] = deque()

    def close(self) -> None:
        """Waits for what is being done; what is waiting is dropped."""
        self._thread.shutdown(cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class ReadAhead(_Beside[Item | None]):
    """An iterator over `items`, of which `depth` are made before they are asked for.

    Items are never None. It begins at once.
    """

    def __init__(self, items: Iterator[Item], depth: int) -> None:
        super().__init__(depth)
        self._items = items
        for _ in range(depth):
            self._ask()

    def _ask(self) -> None:
        self._asked.append(self._thread.submit(next, self._items, None))

    def __iter__(self) -> Iterator[Item]:
        while (item := self._asked.popleft().result()) is not None:
            self._ask()
            yield item


class WriteBehind(_Beside[None], Generic[Item]):
    """Calls `function` with each item that is put, in order; `put` waits when `depth` wait."""

    def __init__(self, function: Callable[[Item], None], depth: int) -> None:
        super().__init__(depth)
        self._function = function

    def put(self, item: Item) -> None:
        if len(self._asked) == self._depth:
            self._asked.popleft().result()
        self._asked.append(self._thread.submit(self._function, item))

    def finish(self) -> None:
        """Returns when all is done."""
        while self._asked:
            self._asked.popleft().result()
