"""The image and its compose file name what is there; no engine is needed to see that."""

import re
from pathlib import Path

import pytest
import yaml

from flows.cli import build_parser

TOP = Path(__file__).parents[2]
DOCKERFILE = (TOP / "infra/Dockerfile").read_text()
SERVICES = yaml.safe_load((TOP / "infra/compose.yaml").read_text())["services"]


def substituted(text: str) -> str:
    """As compose does, with everything that must be given as `s3://given`."""
    text = re.sub(r"\$\{\w+:\?[^}]*\}", "s3://given", text)
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


def test_what_the_image_copies_is_there_and_not_ignored():
    copied = re.findall(r"^COPY (.+) \S+$", DOCKERFILE, re.MULTILINE)
    names = [name for line in copied for name in line.split()]
    allowed = {line[1:] for line in (TOP / ".dockerignore").read_text().splitlines() if "!" in line}

    assert "infra/constraints.txt" in names
    assert [name for name in names if not (TOP / name).exists()] == []
    assert {name.partition("/")[0] for name in names} == allowed


def test_the_service_s_command_is_one_that_we_have():
    service = SERVICES["stems"]
    arguments = build_parser().parse_args([substituted(part) for part in service["command"]])

    assert (arguments.command, arguments.cron) == ("serve", "0 2 * * *")
    assert arguments.dest == "s3://given"
    assert 'ENTRYPOINT ["lasaft-stems"]' in DOCKERFILE
    assert SERVICES["prefect"]["image"] == service["image"], "one version of Prefect at both ends"


def test_a_stopped_service_has_time_to_free_its_claims():
    assert int(SERVICES["stems"]["stop_grace_period"].removesuffix("s")) >= 45


@pytest.mark.parametrize("name", ["torch", "prefect", "ray"])
def test_the_image_is_installed_with_the_tested_versions(name):
    pins = (TOP / "infra/constraints.txt").read_text()

    assert re.search(rf"^{name}==\d", pins, re.MULTILINE)
    assert all(
        "-c infra/constraints.txt" in line for line in re.findall("pip install.*", DOCKERFILE)
    )
