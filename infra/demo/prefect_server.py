"""A Prefect server on loopback with a home of its own, gone when the block ends.

Nothing of the user's Prefect profile is read or written, nothing is reported anywhere.
"""

import http.client
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from infra.ports import PREFECT_PORTS, free_port

START_SECONDS = 180.0
STOP_SECONDS = 10.0


class LocalPrefectServer:
    """`with LocalPrefectServer(home) as server: server.wait()`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = free_port(PREFECT_PORTS)
        self.log_path = home / "server.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the server, which leads a process group of its own."""
        assert self._process is not None
        return self._process.pid

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    def client_environment(self) -> dict[str, str]:
        """What a process needs, before it imports prefect, to talk to this server alone."""
        return {
            "DO_NOT_TRACK": "1",
            "PREFECT_API_URL": self.api_url,
            "PREFECT_HOME": str(self.home),
            "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        }

    def __enter__(self) -> Self:
        """Starts the process and returns at once; `wait` says when it answers."""
        self.home.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "prefect", "server", "start", "--no-ui"]
        command += ["--host", "127.0.0.1", "--port", str(self.port), "--log-level", "WARNING"]
        with self.log_path.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                env={**os.environ, **self.client_environment()},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches the demo, which stops this server
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends the whole process group, by force where it does not go by itself."""
        process, self._process = self._process, None
        if process is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, number)
                process.wait(STOP_SECONDS)
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue
        process.wait(STOP_SECONDS)

    def wait(self) -> None:
        """Returns when the API answers; raises with the end of the log when it never does."""
        deadline = time.monotonic() + START_SECONDS
        while not self._is_healthy():
            gone = self._process is None or self._process.poll() is not None
            if gone or time.monotonic() > deadline:
                tail = self.log_path.read_text(errors="replace")[-2000:]
                raise RuntimeError(f"the Prefect server did not start on {self.api_url}:\n{tail}")
            time.sleep(0.1)

    def _is_healthy(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/api/health")
            return connection.getresponse().status == http.client.OK
        except OSError:
            return False
        finally:
            connection.close()
