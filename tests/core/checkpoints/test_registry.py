"""Published checkpoints by name: where they are to be put, and that they are the published ones."""

import pytest

from lasaft_core.checkpoints import REGISTRY, load_checkpoint, registry
from lasaft_core.errors import UnknownCheckpoint
from lasaft_core.models import PRESETS


def test_every_entry_names_its_origin_and_a_preset():
    assert REGISTRY[0] == "default"
    for entry in registry.PUBLISHED.values():
        assert entry.preset in PRESETS
        assert entry.origin.startswith("http")
        assert entry.sha256 is None or len(entry.sha256) == 64
    files = [entry.file for entry in registry.PUBLISHED.values()]
    assert len(set(files)) == len(files)


def test_a_missing_download_says_what_to_put_where(tmp_path, monkeypatch):
    monkeypatch.setenv(registry.FOLDER_VARIABLE, str(tmp_path))
    with pytest.raises(UnknownCheckpoint) as refusal:
        load_checkpoint("lasaft-large-2020")
    for part in (str(tmp_path / "lasaft_large_2020.ckpt"), "download", registry.FOLDER_VARIABLE):
        assert part in str(refusal.value)


def test_a_file_in_its_place_must_be_the_published_one(tmp_path, monkeypatch):
    monkeypatch.setenv(registry.FOLDER_VARIABLE, str(tmp_path))
    golden = registry.DEFAULT.parents[2] / "tests" / "golden" / "tfc_gpocm_lasaft.ckpt"
    (tmp_path / "lasaft_large_2020.ckpt").write_bytes(golden.read_bytes())
    with pytest.raises(UnknownCheckpoint, match="SHA-256"):
        load_checkpoint("lasaft-large-2020")
    (tmp_path / "lasaft_large_2019.ckpt").write_bytes(golden.read_bytes())
    checkpoint = load_checkpoint("lasaft-large-2019")  # whose hash nobody published
    assert checkpoint.name == "lasaft-large-2019"
    assert "research only" in str(checkpoint.licence)
