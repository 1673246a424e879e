"""Who is who: the fingerprint of a separation and the identity of one track's work.

A fingerprint covers everything that changes the sound beyond rounding and nothing else: not the
device, the worker count or the package version, else a release would separate a whole catalog
again.
"""

import hashlib
import json
from collections.abc import Mapping

SEPARATION_VERSION = 1
"""Raised when the same settings come to sound different, that is when goldens change."""


def canonical_json(obj: object) -> str:
    """One text for one meaning: sorted keys, no spaces, 0.0 written as 0, NaN refused."""
    return json.dumps(
        _plain(obj), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def model_fingerprint(settings: Mapping[str, object]) -> str:
    """SHA-256 hex of the settings together with `SEPARATION_VERSION`."""
    return _sha256({"separation_version": SEPARATION_VERSION, "settings": settings})


def work_id(content_sha256: str, fingerprint: str) -> str:
    """Same bytes and same fingerprint give the same stems, whatever the object is called."""
    return _sha256({"content": content_sha256, "model": fingerprint})


def _sha256(obj: object) -> str:
    return hashlib.sha256(canonical_json(obj).encode()).hexdigest()


def _plain(obj: object) -> object:
    if isinstance(obj, Mapping):
        return {str(key): _plain(value) for key, value in obj.items()}
    if isinstance(obj, list | tuple):
        return [_plain(item) for item in obj]
    if isinstance(obj, float) and obj.is_integer():
        return int(obj)
    return obj
