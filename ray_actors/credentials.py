"""Where credentials may go: on to the workers' environment, never into a row or a report."""

import os
import re
from collections.abc import Mapping, MutableMapping
from typing import Final

from lasaft_core.plain_text import one_line

SECRETS: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
SETTINGS: Final = ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")

_USER_INFO = re.compile(r"(?<=://)[^/\s@]+@")
_NAMED = re.compile(
    r"(?i)\b((?:x-amz-(?:signature|credential|security-token)|awsaccesskeyid|signature|password"
    r"|aws_[a-z_]*key[a-z_]*|secret|token)\s*[=:]\s*)[^\s&,;'\"]+"
)
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
MAX_MESSAGE_CHARS: Final = 2000


def forwarded_environment(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """The store's settings of this process, for workers that did not inherit them."""
    environ = os.environ if environ is None else environ
    return {name: environ[name] for name in (*SECRETS, *SETTINGS) if environ.get(name)}


def take_over(forwarded: Mapping[str, str], environ: MutableMapping[str, str]) -> None:
    """Into a worker's environment; keys that its machine has of its own don't mix with others."""
    if any(name in forwarded for name in SECRETS):
        for name in SECRETS:
            environ.pop(name, None)
    environ.update(forwarded)


def redacted_lines(text: str) -> list[str]:
    """Of a traceback, say."""
    indents = (len(line) - len(line.lstrip()) for line in text.splitlines())
    lines = map(redacted, text.splitlines())
    return [" " * indent + line for indent, line in zip(indents, lines, strict=True)]


def redacted(text: str, environ: Mapping[str, str] | None = None) -> str:
    """The text on one printable line, without keys, tokens, signatures, passwords and colours."""
    environ = os.environ if environ is None else environ
    for name in SECRETS:
        if value := environ.get(name):
            text = text.replace(value, "***")
    text = _COLOURS.sub("", text)
    text = _NAMED.sub(r"\1***", _USER_INFO.sub("***@", text))
    return one_line(" ".join(text.split()))[:MAX_MESSAGE_CHARS]
