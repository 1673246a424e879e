"""What the commands write: results on stdout, complaints on stderr, always one line each."""

import json
import sys
from collections.abc import Mapping


def one_line(text: object) -> str:
    """Control characters and undecodable bytes, as in a hostile file name, become escapes."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in str(text)
    )


def say(text: str = "") -> None:
    sys.stdout.write(one_line(text) + "\n")


def say_json(facts: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(facts, default=str) + "\n")


def complain(text: str) -> None:
    sys.stderr.write(f"lasaft-stems: {one_line(text)}\n")
    sys.stderr.flush()
