"""The audit of the dependencies against a service of advisories on loopback."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from infra.audit import CONSTRAINTS, audit

ADVISORY = {
    "id": "PYSEC-0000-1",
    "summary": "made up",
    "modified": "2026-01-01T00:00:00Z",
    "affected": [
        {
            "package": {"name": "torn", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.2.4"}]}],
        }
    ],
}


class Advisories(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        found = {"vulns": [ADVISORY]} if asked["package"]["name"] == "torn" else {}
        body = json.dumps(found).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def service() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Advisories)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1/query"
    server.shutdown()
    server.server_close()


@pytest.fixture
def requirements(tmp_path: Path) -> Path:
    path = tmp_path / "pins.txt"
    path.write_text("torn==1.2.3\nwhole==2.0\n")
    return path


def test_a_pinned_release_with_an_advisory_fails_the_build(service, requirements, capsys) -> None:
    assert audit(requirements, service) == 1
    printed = capsys.readouterr().out
    assert "torn 1.2.3: PYSEC-0000-1, mended in: 1.2.4" in printed
    assert "2 pinned releases, 1 advisories" in printed


def test_all_pins_are_asked_about(service, capsys) -> None:
    assert audit(CONSTRAINTS, service) == 0
    pins = [line for line in CONSTRAINTS.read_text().splitlines() if "==" in line]
    assert f"{len(pins)} pinned releases, 0 advisories" in capsys.readouterr().out


def test_a_service_out_of_reach_is_told_and_fails_nothing(requirements, capsys) -> None:
    assert audit(requirements, "http://127.0.0.1:9/v1/query") == 0
    assert "NOT AUDITED: http://127.0.0.1:9/v1/query can't be reached" in capsys.readouterr().out
