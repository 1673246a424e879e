"""Preflight: one small question to each store before any work begins."""

import logging
import time
import uuid
from itertools import islice

from lasaft_core.errors import StoreError
from lasaft_core.storage.access import list_below, open_store, refusing, remove
from lasaft_core.storage.delta import delta_uri
from lasaft_core.storage.patience import patient_for
from lasaft_core.storage.uris import canonical_uri, join, local_path, scheme_of

PROBE_SECONDS = 8.0  # who has mistyped an address should not have to wait
PROBES = ".probes"
LEFT_SECONDS = 3600.0  # a probe of that age is of a run that was killed while it asked

_log = logging.getLogger(__name__)


def check_source(uri: str) -> None:
    """Can it be listed? Raises StoreError."""
    uri = canonical_uri(uri)
    with refusing(uri, "list"), patient_for(PROBE_SECONDS):
        store, key = open_store(uri)
        list(islice(store.list_objects(key), 1))


def check_holdings(uri: str) -> None:
    """Can it be seen what a destination holds? One that isn't there yet holds nothing.

    Leaves no trace. Raises StoreError.
    """
    delta_uri(uri)
    path = local_path(canonical_uri(uri))
    if path is None or path.exists():
        check_source(uri)
    if path is not None and path.is_file():
        raise StoreError(f"can't write to {uri}", expected="a folder", got="a file")


def check_dest(uri: str) -> bool:
    """Can an object be written, read and removed, and is a second creation refused?

    False where it isn't, with a warning: two runs at once could overwrite each other's commits
    there. Raises StoreError.
    """
    delta_uri(uri)
    if scheme_of(uri) == "s3":
        check_source(uri)  # some servers would make a missing bucket at the first write
    probe = join(canonical_uri(uri), PROBES, uuid.uuid4().hex)
    data = probe.encode("utf-8", "surrogateescape")
    with refusing(canonical_uri(uri), "write to"), patient_for(PROBE_SECONDS):
        store, key = open_store(probe)
        store.put_bytes(b"first", key)
        try:
            refused = not store.create(b"second", key)
            store.put_bytes(data, key)
            held = store.read_bytes(key)
        finally:
            store.remove(key)
        _sweep(join(canonical_uri(uri), PROBES))
    if held != data:
        raise StoreError(f"{uri} gives back other bytes than were put", expected=data, got=held)
    if not refused:
        remedy = "one run at a time here; a second one is refused while it can see the first"
        _log.warning("dest=%s conditional_create=no mode=single_writer remedy=%r", uri, remedy)
    return refused


def _sweep(place: str) -> None:
    for left in list_below(place):
        if left.mtime is not None and left.mtime <= time.time() - LEFT_SECONDS:
            remove(left.uri)
