"""The card beside the default checkpoint is that file's."""

import hashlib
import re

import pytest

from lasaft_core.checkpoints.registry import DEFAULT
from lasaft_core.training.building.sources import KNOWN

CARD = DEFAULT.with_suffix(".md").read_text()
TRAINED_ON = [name for name, terms in KNOWN.items() if not terms.get("held_out")]


def plain(text):
    """'CC BY 4.0' of 'CC-BY-4.0', 'CC0' of 'CC0-1.0', in small letters."""
    return " ".join(text.replace("CC0-1.0", "CC0").replace("-", " ").lower().split())


def test_the_card_has_the_files_hash_and_the_file_is_small():
    digest = hashlib.sha256(DEFAULT.read_bytes()).hexdigest()
    assert digest in CARD
    assert DEFAULT.stat().st_size < 12_000_000


@pytest.mark.parametrize("name", TRAINED_ON)
def test_the_card_credits_who_made_what_it_was_trained_on_beside_the_licence(name):
    made_by = [plain(who) for who in re.split(r", | and ", KNOWN[name]["attribution"])]
    licences = [plain(licence) for licence in re.split(r", | and ", KNOWN[name]["licence"])]
    rows = [plain(line) for line in CARD.splitlines() if line.startswith("|")]
    for licence in licences:
        assert any(licence in row and any(who in row for who in made_by) for row in rows), licence


def test_the_card_names_everyone_whose_music_came_in_one_game():
    _, makers = KNOWN["gearhead-caramel"]["attribution"].split(": ")
    for maker in makers.split(", "):
        assert maker in CARD
