"""Figures as files: which formats there are, and no half-written picture under its name."""

import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lasaft_core.errors import InvalidOption, UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS: Final = (".png", ".svg", ".pdf")
_DOTS_PER_INCH: Final = 150


def picture_path(out: str) -> Path:
    """Makes the picture's folder. Raises InvalidOption for other formats and places.

    Raises UsageError where matplotlib is not installed, so that nothing is computed in vain.
    """
    path = Path(out)
    if "://" in out:
        raise InvalidOption("--out", expected="a local file", got=out)
    if path.suffix.lower() not in FORMATS or path.is_dir():
        raise InvalidOption("--out", expected=f"a name ending in {' or '.join(FORMATS)}", got=out)
    if find_spec("matplotlib") is None:
        raise UsageError(
            "pictures need matplotlib",
            got="none installed",
            remedy="pip install 'lasaft-stems[research]'",
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from error
    return path


def write_picture(figure: "Figure", path: Path) -> None:
    """Whole or not at all. Raises InvalidOption where the folder takes no file."""
    part = path.with_name(f".{path.name}.part")
    try:
        with warnings.catch_warnings():  # a sign that the font lacks in a title is drawn as a box
            warnings.filterwarnings("ignore", "Glyph", UserWarning)
            figure.savefig(part, format=path.suffix.lower().removeprefix("."), dpi=_DOTS_PER_INCH)
        part.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        if part.exists():
            part.unlink()


def _unwritable(path: Path, error: OSError) -> InvalidOption:
    got = f"{path} ({error.strerror})"
    return InvalidOption("--out", expected="a file that can be written", got=got)
