"""Objects by URI, wherever they lie: sources, destination and checkpoints.

    facade       access.py    URI in, the project's errors out
    preflight    probing.py   can we list, write and create conditionally?
    retries      patience.py  which errors pass by themselves, and how long to wait for it
    stores       s3.py, local.py, remote.py (anything else that fsspec reaches)
    names        uris.py      raw, never decoded

Credentials come from the environment or a profile, never from a URI or a parameter.
"""

from lasaft_core.storage.access import (
    create,
    exists,
    fetch,
    list_below,
    list_names,
    list_objects,
    put,
    put_bytes,
    read_bytes,
    remove,
    stat,
)
from lasaft_core.storage.delta import (
    delta_broke_off,
    delta_storage_options,
    delta_told,
    delta_uri,
)
from lasaft_core.storage.objects import Fetched, ObjectStat
from lasaft_core.storage.patience import Pauses, patient_for
from lasaft_core.storage.probing import check_dest, check_holdings, check_source
from lasaft_core.storage.s3_place import s3_endpoint, s3_region
from lasaft_core.storage.uris import canonical_uri, join, local_path, scheme_of

__all__ = [
    "Fetched",
    "ObjectStat",
    "Pauses",
    "canonical_uri",
    "check_dest",
    "check_holdings",
    "check_source",
    "create",
    "delta_broke_off",
    "delta_storage_options",
    "delta_told",
    "delta_uri",
    "exists",
    "fetch",
    "join",
    "list_below",
    "list_names",
    "list_objects",
    "local_path",
    "patient_for",
    "put",
    "put_bytes",
    "read_bytes",
    "remove",
    "s3_endpoint",
    "s3_region",
    "scheme_of",
    "stat",
]
