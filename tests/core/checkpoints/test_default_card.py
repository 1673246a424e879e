"""The card beside the default checkpoint is that file's."""

import hashlib

from lasaft_core.checkpoints.registry import DEFAULT


def test_the_card_has_the_files_hash_and_the_file_is_small():
    digest = hashlib.sha256(DEFAULT.read_bytes()).hexdigest()
    assert digest in DEFAULT.with_suffix(".md").read_text()
    assert DEFAULT.stat().st_size < 12_000_000
