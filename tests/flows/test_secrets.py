"""A secret that is planted in a run's environment is in nothing that the run leaves behind."""

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
import soundfile

from infra.demo.prefect_server import LocalPrefectServer
from infra.object_store import LocalObjectStore
from lasaft_core import storage
from lasaft_core.catalog.table import CatalogTable

pytestmark = pytest.mark.timeout(1200)
CHECKPOINT = Path(__file__).parent.parent / "golden" / "tfc_gpocm_lasaft.ckpt"
PASSWORD = "an/endpoint+password"


@pytest.fixture
def ray_folder() -> Iterator[Path]:
    """Short, since the paths of sockets lie in it."""
    folder = Path(tempfile.mkdtemp(prefix="r", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


def run(arguments: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    code = "import sys; from flows.cli import main; sys.exit(main(sys.argv[1:]))"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )


def put_songs(bucket: str, folder: Path) -> None:
    for number in range(3):
        noise = np.random.default_rng(number).uniform(-0.2, 0.2, (5000, 2))
        soundfile.write(folder / "song.wav", noise, 44100)
        storage.put(folder / "song.wav", f"{bucket}/in/{number}.wav")
    storage.put_bytes(b"no song", f"{bucket}/in/broken.wav")


def shapes_of(secret: str) -> set[bytes]:
    """As it is, as an address has it, and as base64 has it."""
    encoded = {base64.b64encode(secret.encode()), base64.urlsafe_b64encode(secret.encode())}
    return {secret.encode(), quote(secret, safe="").encode(), *(e.rstrip(b"=") for e in encoded)}


def files_below(*folders: Path) -> dict[str, bytes]:
    paths = (path for folder in folders for path in folder.rglob("*"))
    return {str(path): path.read_bytes() for path in paths if path.is_file()}


def holding(left: dict[str, bytes], word: str) -> set[str]:
    shapes = shapes_of(word)
    return {name for name, data in left.items() if any(shape in data for shape in shapes)}


def test_a_planted_secret_is_nowhere(
    s3: str, s3_server: LocalObjectStore, prefect_server: LocalPrefectServer, tmp_path, ray_folder
) -> None:
    put_songs(s3, tmp_path)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    environment = {
        **s3_server.environment(),
        **prefect_server.client_environment(),
        "RAY_TMPDIR": str(ray_folder),
        "TMPDIR": str(scratch),
    }
    arguments = ["run", "--source", f"{s3}/in", "--dest", f"{s3}/out", "--workers", "2"]
    arguments += ["--checkpoint", str(CHECKPOINT), "--targets", "vocals"]

    good = run(arguments, environment)
    refused = run(arguments, {**environment, "AWS_SECRET_ACCESS_KEY": PASSWORD})

    assert (good.returncode, refused.returncode) == (1, 2), good.stderr + refused.stderr
    assert "done: 3" in good.stdout
    assert "SignatureDoesNotMatch" in refused.stderr
    objects = list(storage.list_objects(f"{s3}/out"))
    rows = [row.to_dict() for row in CatalogTable.open(f"{s3}/out").rows()]
    left = {
        "output": (good.stdout + good.stderr + refused.stdout + refused.stderr).encode(),
        "rows": json.dumps(rows, default=str).encode(),
        **{found.uri: storage.read_bytes(found.uri) for found in objects},
        **files_below(scratch, ray_folder, prefect_server.home),
    }
    assert {row["status"] for row in rows} == {"done", "failed"}
    assert any("worker" in Path(name).name for name in left), "Ray's logs"
    told = holding(left, "broken.wav")
    assert told >= {"output", "rows"}, "what is no secret is found there"
    assert any(".db" in Path(name).name for name in told), (
        "and in Prefect's database or its journal"
    )
    for secret in (PASSWORD, s3_server.admin.secret_access_key):
        assert holding(left, secret) == set()
