"""The README's table of failures names tests that there are."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_line_is_proved_by_tests_that_exist() -> None:
    readme = (ROOT / "README.md").read_text()
    table = readme.partition("| what fails |")[2].partition("\n\n")[0].splitlines()[2:]
    assert len(table) >= 18
    for line in table:
        proofs = re.findall(r"`([\w/]+\.py)::(\w+)`", line)
        assert proofs, line
        for file, test in proofs:
            assert f"def {test}(" in (ROOT / "tests" / file).read_text(), (file, test)
