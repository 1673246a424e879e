import pytest

from lasaft_core.training.building.sfz_files import repeatable


def test_chance_becomes_turns_and_includes_one_text(tmp_path):
    (tmp_path / "maps").mkdir()
    (tmp_path / "main.sfz").write_text(
        '<control> default_path=wav\\\n<global> amp_random=3 //loud\n#include "maps\\low.sfz"\n'
    )
    (tmp_path / "maps" / "low.sfz").write_text(
        "<region> sample=a.wav hirand=0.333\n<region> sample=b.wav lorand=0.333 hirand=0.666\n"
        "<region> sample=c.wav lorand=0.666\n<region> sample=d.wav key=40\n"
    )
    text = repeatable(tmp_path / "main.sfz")
    assert f"default_path={tmp_path}/wav/" in text
    assert not any(word in text for word in ("rand", "#include", "loud"))
    turns = [piece.split() for piece in text.split("<region>")[1:]]
    assert [t[1:] for t in turns] == [
        ["seq_length=3", "seq_position=1"],
        ["seq_length=3", "seq_position=2"],
        ["seq_length=3", "seq_position=3"],
        ["key=40"],
    ]


def test_a_file_that_includes_itself_ends(tmp_path):
    (tmp_path / "loop.sfz").write_text('#include "loop.sfz"\n')
    with pytest.raises(OSError, match="itself"):
        repeatable(tmp_path / "loop.sfz")
