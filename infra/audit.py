"""Are there known holes in the pinned dependencies? `python -m infra.audit`, as CI does.

Asks OSV's public advisories through pip-audit. Ends with 1 when a pinned release has an advisory,
with 0 when none has. Where the service can't be reached it says so and ends with 0: a build must
not hang on somebody else's server.
"""

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

CONSTRAINTS = Path(__file__).with_name("constraints.txt")
OSV_URL = "https://api.osv.dev/v1/query"
ANSWER_SECONDS = 10
ALL_SECONDS = 300
_OUT_OF_REACH = re.compile(r"(Connection|Proxy|SSL|HTTP|Service)\w*Error|Timeout")


def audit(requirements: Path, osv_url: str) -> int:
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(requirements)]
    command += ["--no-deps", "--disable-pip", "--vulnerability-service", "osv"]
    command += ["--osv-url", osv_url, "--timeout", str(ANSWER_SECONDS)]
    command += ["--format", "json", "--progress-spinner", "off"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=ALL_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        print(f"NOT AUDITED: {osv_url} did not answer within {ALL_SECONDS} s")
        return 0
    if done.stdout.startswith("{"):
        return _judged(json.loads(done.stdout))
    complaint = done.stderr.strip().rpartition("\n")[2]
    if _OUT_OF_REACH.search(complaint):
        print(f"NOT AUDITED: {osv_url} can't be reached ({complaint[:200]})")
        return 0
    print(f"pip-audit failed: {complaint}")
    return 2


def _judged(report: dict[str, list[dict[str, object]]]) -> int:
    findings = list(_findings(report))
    for line in findings:
        print(line)
    print(f"{len(report['dependencies'])} pinned releases, {len(findings)} advisories")
    return int(bool(findings))


def _findings(report: dict[str, list[dict[str, object]]]) -> Iterator[str]:
    for release in report["dependencies"]:
        vulns = release.get("vulns", [])
        assert isinstance(vulns, list)
        for found in vulns:
            mended = ", ".join(found["fix_versions"]) or "none yet"
            yield f"{release['name']} {release['version']}: {found['id']}, mended in: {mended}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requirements", type=Path, default=CONSTRAINTS)
    parser.add_argument("--osv-url", default=OSV_URL)
    given = parser.parse_args()
    return audit(given.requirements, given.osv_url)


if __name__ == "__main__":
    sys.exit(main())
