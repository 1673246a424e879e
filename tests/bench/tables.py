"""One Markdown table with what it was made on, printed, or kept where `--out` says."""

import argparse
from pathlib import Path

from surroundings import surroundings


def parser(description):
    made = argparse.ArgumentParser(description=description.splitlines()[0])
    made.add_argument("--out", type=Path, metavar="FILE", help="also keep the table there")
    return made


def table(columns, rows):
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def publish(out, title, *parts):
    text = "\n\n".join((f"# {title}", f"{surroundings()}.", *parts)) + "\n"
    print(text)
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text)
