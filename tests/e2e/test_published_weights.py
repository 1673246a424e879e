"""Real weights by the networks' author on a real song; neither is part of the project."""

import os
from pathlib import Path

import pytest

from infra.demo.origins import read_falcon_stems
from lasaft_core import Separator
from lasaft_core.metrics import sdr_db

VARIABLE = "LASAFT_TDC_VOCALS_WEIGHTS"
WEIGHTS = Path(os.environ.get(VARIABLE, ""))


@pytest.mark.skipif(
    not WEIGHTS.is_file(),
    reason=f"set {VARIABLE} to the author's cac_tdc_17_vocals_top1.pt (arXiv 1912.02591)",
)
def test_the_authors_tdc_network_separates_the_vocals_of_a_real_song():
    separator = Separator.load(str(WEIGHTS), device="cpu")
    assert separator.targets == ("vocals",)
    stems, _ = read_falcon_stems()
    mix = sum(stems.values())
    vocals = separator.separate(mix)["vocals"]
    assert sdr_db(stems["vocals"], mix) < -7.0
    assert sdr_db(stems["vocals"], vocals) >= 1.6
