"""A short run of the fuzzing that `make soak` does at length."""

from tests.soak.fuzz import fuzz


def test_damaged_files_are_read_or_refused_by_one_typed_error():
    outcomes, faults = fuzz(210, seed=2026)
    assert faults == {}
    assert sum(outcomes.values()) == 210
    assert {"TruncatedAudio", "UnreadableCheckpoint", "read"} <= set(outcomes)
