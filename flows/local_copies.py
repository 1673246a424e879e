"""A song as a local file: its own path, or a copy of what lies elsewhere."""

import hashlib
from pathlib import Path

from lasaft_core.errors import NotAudio, SourceGone
from lasaft_core.storage import fetch, local_path


def local_copy(uri: str, scratch: Path) -> tuple[Path, str]:
    """Local path and SHA-256; an object of a store is fetched whole first, into `scratch`.

    Raises the errors of reading, SourceGone and NotAudio among them.
    """
    path = local_path(uri)
    if path is None:
        fetched = fetch(uri, scratch / "source")
        return fetched.path, fetched.sha256
    if path.is_dir():
        raise NotAudio("a folder, not a song", remedy="name its songs, or use `lasaft-stems run`")
    if not path.exists():
        raise SourceGone("no such file")
    with path.open("rb") as file:
        return path, hashlib.file_digest(file, "sha256").hexdigest()
