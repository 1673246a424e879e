r"""An S3 server's bad days: a proxy on loopback that spoils some of what passes through it.

    with ProxyProcess() as process, process.proxy(store.endpoint_url, seed=7) as (proxy, url):
        proxy.add(Rule("PUT", r"track\.json$", "kill after"))

A request meets the first rule that matches it, else the fate that the seed has for the n-th one:

    latency        passes late             reset before   the connection breaks, nothing was done
    500, 503       nothing was done        reset after    it breaks, and yet it was done
    truncated      half of the answer      gone           nobody is there for `gone_seconds`
    kill before, kill after, kill later    SIGKILL to the process that sent it

At least two requests find nobody there, however late the second one comes.
The Host header passes unchanged, so that signatures stay valid. The proxy is a process of its own:
Delta Lake's queries hold Python's lock while they wait for an answer.
"""

import asyncio
import os
import random
import re
import signal
import socket
import struct
import time
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.managers import BaseManager
from threading import Event, Thread

from aiohttp import ClientConnectionError, ClientSession, DummyCookieJar, web
from yarl import URL

from tests.chaos.connections import command_line, pid_at

NETWORK_FAULTS = ("latency", "reset before", "reset after", "500", "503", "truncated")
KILLS = ("kill before", "kill after", "kill later")
_CODES = {"500": "InternalError", "503": "SlowDown"}
_HOP_BY_HOP = {"connection", "expect", "keep-alive", "transfer-encoding"}


@dataclass(slots=True)
class Rule:
    """The next `times` requests of this method whose path matches meet this fault."""

    method: str
    path: str
    fault: str
    times: int = 1
    victim: int | None = None  # to be killed in place of the sender; negative: its whole group

    def takes(self, method, path):
        matches = self.times > 0 and method == self.method and re.search(self.path, path)
        self.times -= bool(matches)
        return bool(matches)


@dataclass(slots=True)
class Facts:
    """What the proxy has done so far; `killed` counts by role."""

    requests: int = 0
    injected: Counter = field(default_factory=Counter)
    killed: Counter = field(default_factory=Counter)


class FaultProxy:
    """Lives in the proxy's process; one thread serves."""

    def __init__(self, upstream, *, seed=0, rates=None, gone_seconds=1.0, max_kills=None):
        self._upstream, self._rates = upstream, dict(rates or {})
        self._random, self._gone_seconds = random.Random(seed), gone_seconds
        self._gone_until, self._rules, self._facts = 0.0, [], Facts()
        self._max_kills = max_kills  # by role; None where there is no limit
        self._loop = asyncio.new_event_loop()
        self._thread, self._begun, self._port = Thread(target=self._serve), Event(), 0

    def begin(self):
        """Its URL."""
        self._thread.start()
        assert self._begun.wait(60)
        return f"http://127.0.0.1:{self._port}"

    def end(self):
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()

    def add(self, rule):
        self._rules.append(rule)

    def facts(self):
        return self._facts

    def _serve(self):
        self._loop.run_until_complete(self._serving())
        self._loop.close()

    async def _serving(self):
        self._ended = asyncio.Event()
        application = web.Application(client_max_size=1 << 30)
        application.router.add_route("*", "/{anything:.*}", self._answer)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, shutdown_timeout=0.1)
        await site.start()
        self._port = runner.addresses[0][1]
        async with ClientSession(auto_decompress=False, cookie_jar=DummyCookieJar()) as session:
            self._session = session
            self._begun.set()
            await self._ended.wait()
            await runner.cleanup()

    def _fate(self, request):
        """None for most."""
        self._facts.requests += 1
        drawn = self._random.random()
        if time.monotonic() < self._gone_until or self._facts.injected["gone"] == 1:
            return Rule("", "", "gone")
        for rule in self._rules:
            if rule.takes(request.method, request.path):
                return rule
        for fault, rate in self._rates.items():
            drawn -= rate
            if drawn < 0:
                return Rule("", "", fault)
        return Rule("", "", "")

    async def _answer(self, request):
        try:
            body = await request.read()
        except ConnectionError:  # the sender has been killed meanwhile
            return web.Response()
        rule = self._fate(request)
        fault = self._killing(request, rule) if rule.fault in KILLS else rule.fault
        if fault == "gone" and time.monotonic() >= self._gone_until:
            self._gone_until = time.monotonic() + self._gone_seconds
        if fault:
            self._facts.injected[fault] += 1
        if fault in _CODES:
            return _refusal(int(fault), _CODES[fault])
        if fault in ("reset before", "gone", "kill before"):
            return _reset(request)
        if fault == "latency":
            await asyncio.sleep(self._random.uniform(0.05, 0.5))
        answer = await self._forward(request, body)
        if fault == "kill after":
            _end(self._sender(request))
        if fault in ("reset after", "kill after"):
            return _reset(request)
        return await (_half if fault == "truncated" else _whole)(request, *answer)

    async def _forward(self, request, body):
        headers = [pair for pair in request.headers.items() if pair[0].lower() not in _HOP_BY_HOP]
        url = URL(self._upstream + request.raw_path, encoded=True)
        for tried in (1, 2):
            try:
                async with self._session.request(
                    request.method, url, headers=headers, data=body or None, allow_redirects=False
                ) as answer:
                    return answer.status, answer.headers, await answer.read()
            except ClientConnectionError:  # a kept connection that the server has just closed
                if tried == 2:
                    raise
        raise AssertionError

    def _killing(self, request, rule):
        """Empty where there is nobody who may be killed, or somebody else is than the sender."""
        pid = rule.victim or self._sender(request)
        role = role_of(command_line(abs(pid))) if pid else ""
        if not role or (self._max_kills and self._facts.killed[role] >= self._max_kills[role]):
            return ""
        self._facts.killed[role] += 1
        if rule.victim:
            _end(pid)
            return ""
        if rule.fault == "kill before":
            _end(pid)
        elif rule.fault == "kill later":
            self._loop.call_later(self._random.uniform(0.0, 0.5), _end, pid)
        return rule.fault

    def _sender(self, request):
        _, port = request.transport.get_extra_info("peername")
        pid = pid_at(port, self._port)
        return None if pid in (os.getpid(), os.getppid()) else pid


def role_of(line):
    """From a command line; Ray names its processes."""
    return "worker" if line.startswith("ray::") else "driver" if line else ""


class ProxyProcess(BaseManager):
    """Holds proxies; the process that started it is never killed."""

    def __init__(self):
        super().__init__(ctx=get_context("spawn"))

    @contextmanager
    def proxy(self, upstream, **options):
        """A new one, and its URL."""
        proxy = self._proxy(upstream, **options)
        url = proxy.begin()
        try:
            yield proxy, url
        finally:
            proxy.end()


ProxyProcess.register("_proxy", FaultProxy)


def _end(pid):
    with suppress(ProcessLookupError):
        os.kill(pid or 0x7FFFFFFF, signal.SIGKILL)


def _refusal(status, code):
    text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>a bad day</Message></Error>"
    return web.Response(status=status, text=text, content_type="application/xml")


def _reset(request):
    connection = request.transport.get_extra_info("socket")
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.transport.abort()
    return web.Response()


async def _whole(request, status, headers, body):
    kept = [pair for pair in headers.items() if pair[0].lower() not in _HOP_BY_HOP]
    return web.Response(status=status, headers=kept, body=body or None)


async def _half(request, status, headers, body):
    kept = [pair for pair in headers.items() if pair[0].lower() not in _HOP_BY_HOP]
    answer = web.StreamResponse(status=status, headers=kept)
    await answer.prepare(request)
    await answer.write(body[: len(body) // 2])
    request.transport.close()
    return answer
