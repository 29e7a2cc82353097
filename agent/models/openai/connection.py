"""The connection to a server that is kept from reply to reply: a thread with an event loop of its own."""

import asyncio
import weakref
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from threading import Event, Lock, Thread
from typing import Any, Final, TypeVar

from qvl_agent.actions.core.errors import Stopped
from qvl_agent.agent.models import OnText
from qvl_agent.agent.models.openai.http import Server
from qvl_agent.agent.models.waiting import Said, follow

__all__ = ["Connection"]

_CLOSED_S: Final = 2.0
"""Seconds that `close` waits for the thread."""

T = TypeVar("T")


class Connection:
    """A server's requests, from any thread, over connections that stay open in between.

    The thread is started by the first request. It ends with `close`, or when nobody holds this object.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._worker: _Worker | None = None
        self._lock = Lock()

    def run(
        self,
        ask: Callable[[Callable[[str], None]], Coroutine[Any, Any, T]],
        seconds: float,
        stop: Callable[[], bool],
        on_text: OnText | None,
    ) -> T:
        """Do `ask(say)` within a time, and return its result.

        Args:
            ask: makes requests to the server; calls `say` with each piece of text.
            seconds: for all of it.
            stop: called every 30 ms; once it returns True, the requests are cut off.
            on_text: called with each piece of text, in this thread.

        Raises:
            ModelError: as `Server.within` raises it.
            Stopped: `stop` returned True, or the connection was closed.
        """
        said = Said()
        result = self._begin(lambda: self._server.within(seconds, lambda: ask(said.put)))
        try:
            return follow(said, result, drop=result.cancel, stop=stop, on_text=on_text)
        except CancelledError as error:
            raise Stopped("the model was closed while it was at work") from error

    def close(self) -> None:
        """Cut off what runs, and close the connections; the next request would open one anew."""
        with self._lock:
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.end()
            worker.thread.join(_CLOSED_S)

    def _begin(self, work: Callable[[], Coroutine[Any, Any, T]]) -> "Future[T]":
        with self._lock:
            if self._worker is None:
                self._worker = _Worker(self._server)
                weakref.finalize(self, self._worker.end)
            return asyncio.run_coroutine_threadsafe(self._worker.does(work), self._worker.loop)


class _Worker:
    """The thread. It doesn't know the connection, whose end would never come otherwise."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._running = set[asyncio.Task[Any]]()
        self.loop = asyncio.new_event_loop()
        self._ready = Event()
        self.thread = Thread(target=self._run, name="qvl-agent server", daemon=True)
        self._failed: BaseException | None = None
        self.thread.start()
        self._ready.wait()
        if self._failed is not None:
            raise self._failed

    def end(self) -> None:
        """Let the thread end soon. Called from any thread, also while objects are freed."""
        with suppress(RuntimeError):  # it has ended
            self.loop.call_soon_threadsafe(self._over.set)

    async def does(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Do a piece of work, unless the thread is about to end."""
        task = asyncio.current_task()
        if task is None or self._over.is_set():
            raise asyncio.CancelledError
        self._running.add(task)
        try:
            return await work()
        finally:
            self._running.discard(task)

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
                runner.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - whoever waits for the thread is told
            self._failed = error
            self._ready.set()

    async def _serve(self) -> None:
        self._over = asyncio.Event()
        async with self._server.kept():
            self._ready.set()
            await self._over.wait()
            # Not all tasks: those that a work has begun are its own to end.
            running = tuple(self._running)
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
