"""What a catalog is planned by: pinned, since a change separates every song again."""

from pathlib import Path

import pytest

from flows.preflight import fingerprint_settings
from lasaft_core import Separator
from lasaft_core.catalog.identity import model_fingerprint
from lasaft_core.song import SongOptions

PINNED = "721d0d52726ee2cf0c1e1a9cef16a5497996686b42f6322638ac568016c37c43"


@pytest.fixture(scope="module")
def separator():
    path = Path(__file__).parent.parent / "golden" / "tfc_gpocm_lasaft.ckpt"
    return Separator.load(str(path), device="cpu")


def fingerprint(separator, precision="float32", **options):
    return model_fingerprint(fingerprint_settings(separator, SongOptions(**options), precision))


def test_the_same_sound_keeps_its_fingerprint_from_release_to_release(separator):
    assert fingerprint(separator) == PINNED
    assert fingerprint(separator, overlap=0.25, codec="flac", bit_depth=24) == PINNED
    assert fingerprint(separator, targets=("other", "bass", "drums", "vocals")) == PINNED


@pytest.mark.parametrize(
    "change",
    [
        {"overlap": 0.5},
        {"codec": "wav"},
        {"bit_depth": 16},
        {"channels": "downmix"},
        {"residual": True},
        {"consistency": "project"},
        {"targets": ("vocals",)},
        {"precision": "bfloat16"},
    ],
)
def test_what_changes_the_sound_or_its_form_changes_it(separator, change):
    assert fingerprint(separator, **change) != PINNED
