"""Addresses that carry a password, a signature or a token are refused before anything is done.

An address is written to the table, to reports, logs and Prefect's database, all in plain text.
"""

import re
from typing import Final

from lasaft_core.errors import InvalidOption

REMEDY: Final = "credentials come from the environment, never from an address"

_PASSWORD = re.compile(r"://[^/?#\s]*:[^/?#\s]*@")
_LONE_TOKEN = re.compile(r"(?i)https?://[^/?#\s]+@")  # elsewhere it is a user, or a container
_SIGNED = re.compile(
    r"(?i)://.*[?&;#](sig|auth|[^=&;#]*"
    r"(signature|credential|token|secret|passw|access_?key|api_?key)[^=&;#]*)="
)


def carries_credentials(address: str) -> bool:
    """Whether somebody who reads the address could make use of it."""
    return any(found.search(address) for found in (_PASSWORD, _LONE_TOKEN, _SIGNED))


def check_address(option: str, address: str) -> None:
    """Raises InvalidOption, which does not repeat the address."""
    if carries_credentials(address):
        raise InvalidOption(option, expected="an address without credentials", remedy=REMEDY)
