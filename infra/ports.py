"""Ports of 127.0.0.1 for servers: below 32,768, where the kernel begins with those of clients."""

import secrets
import socket
from typing import Final

STORE_PORTS: Final = range(10_000, 20_000)  # each with its gRPC port 10,000 above
PREFECT_PORTS: Final = range(30_000, 32_768)


def free_port(ports: range) -> int:
    """One of them that nobody listens on now."""
    while not is_free(port := secrets.choice(ports)):
        pass
    return port


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
