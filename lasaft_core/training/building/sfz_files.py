"""SFZ instruments made repeatable: one text, without includes and without chance.

sfizz draws from a generator of its own that can't be seeded. Samples that alternate by chance
(`lorand`, `hirand`) alternate in turn instead (`seq_length`, `seq_position`), other randomness
goes. Samples are read whole: streamed, notes have gaps whenever the disk is late. The text plays
from any folder: `default_path` becomes absolute. (https://sfzformat.com)
"""

import re
from pathlib import Path
from typing import Final

_INCLUDE = re.compile(r'#include\s+"([^"]+)"')
_HEADER = re.compile(r"(<\w+>)")
_CHANCE = re.compile(r"\b(lorand|hirand)=([\d.]+)")
# What varies by chance: the `*_random` opcodes, and controllers 131 to 135, of which 135 is noise.
_RANDOM = re.compile(r"\b\w+_random=\S+|\b\w+_oncc135=\S+")
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_DEFAULT_PATH = re.compile(r"\bdefault_path=([^\n]*)")
_DEEPEST: Final = 8


def repeatable(path: Path) -> str:
    """The instrument's text. Raises OSError where an included file is missing."""
    text = _RANDOM.sub("", _flat(path, path.parent, 0))
    folder = f"{path.parent.resolve()}/"
    controls = "<control>\nhint_ram_based=1\n"
    if _DEFAULT_PATH.search(text):
        text = _DEFAULT_PATH.sub(
            lambda found: f"default_path={folder}{found[1].strip().replace(chr(92), '/')}", text
        )
    else:
        controls = f"{controls}default_path={folder}\n"
    text = f"<control>\n{text}".replace("<control>", controls)
    return "".join(_in_turn(piece) for piece in _HEADER.split(text))


def _flat(path: Path, root: Path, depth: int) -> str:
    """Included files are looked for from the instrument's folder, wherever they are named."""
    if depth > _DEEPEST:
        raise OSError(f"{path} includes itself")
    text = _COMMENT.sub("", path.read_text(encoding="utf-8", errors="replace"))
    return _INCLUDE.sub(
        lambda found: _flat(root / found[1].replace("\\", "/"), root, depth + 1), text
    )


def _in_turn(opcodes: str) -> str:
    """One header's opcodes; the interval from `lorand` to `hirand` becomes a place in a cycle."""
    bounds = {name: float(value) for name, value in _CHANCE.findall(opcodes)}
    if not bounds:
        return opcodes
    low, high = bounds.get("lorand", 0.0), min(bounds.get("hirand", 1.0), 1.0)
    length = max(1, round(1 / max(high - low, 0.01)))
    place = min(round(low * length) + 1, length)
    return _CHANCE.sub("", opcodes).rstrip() + f"\nseq_length={length}\nseq_position={place}\n"
