"""What the commands write: results on stdout, complaints on stderr, always one line each."""

import json
import sys
from collections.abc import Mapping

from lasaft_core.plain_text import one_line


def say(text: str = "") -> None:
    sys.stdout.write(one_line(text) + "\n")


def say_json(facts: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(facts, default=str) + "\n")


def complain(text: str) -> None:
    sys.stderr.write(f"lasaft-stems: {one_line(text)}\n")
    sys.stderr.flush()
