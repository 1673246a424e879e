"""The sources that the default checkpoint was built from, out of public repositories, into the
folders that `build-data` reads.

    python -m lasaft_core.training.building.gathering sources

`origins.toml` names them: each repository is read at one commit, and of it only the files that are
needed, byte for byte. The same command gets what is missing. What Debian packages hold is linked
where they are installed. Songs whose voices are learnt lie in `songs/` afterwards: `teaching` takes
their voices out; `speaking` makes the synthetic ones. Terms: `sources.py`. Needs git 2.29.
"""

import argparse
import logging
import os
import shutil
import subprocess
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from lasaft_core.errors import UsageError

HOST: Final = "https://github.com"
_KNOWN: Final = Path(__file__).with_name("origins.toml")
_CLONES: Final = ".repositories"
_OBJECTS_ALONE: Final = ("--no-tags", "--no-write-fetch-head", "--filter=blob:none", "--stdin")
_FILES: Final = ("100644", "100755")  # modes; others are links and other repositories
_OF_CALLER: Final = ("GIT_DIR", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_NAMESPACE")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Origin:
    """Files of a repository that a source, `KIND/NAME`, is made of, or a part of it. They keep
    their path under `below`; patterns are of that path, a star stands for folders, too."""

    source: str
    repository: str
    commit: str
    files: Sequence[str] = ("*",)
    left_out: Sequence[str] = ()
    below: str = ""


@dataclass(frozen=True, slots=True)
class Installed:
    """Files of a Debian package, under `root`. One whose pattern has a folder is named after it."""

    source: str
    package: str
    root: Path
    files: str

    def name_of(self, file: Path) -> str:
        return f"{file.parent.name}{file.suffix}" if "/" in self.files else file.name


def known_origins() -> tuple[list[Origin], list[Installed]]:
    """Those of `origins.toml`."""
    known: dict[str, list[dict[str, Any]]] = tomllib.loads(_KNOWN.read_text())
    packages = [{**part, "root": Path(part["root"])} for part in known["packages"]]
    return [Origin(**o) for o in known["repositories"]], [Installed(**p) for p in packages]


def gather(out: Path, origins: Sequence[Origin], host: str = HOST) -> list[UsageError]:
    """What is missing in `out`, `KIND/NAME/...`; returns what could not be had."""
    if shutil.which("git") is None:
        return [UsageError("git is not installed", remedy="install it, say by apt install git")]
    by_commit: dict[tuple[str, str], list[Origin]] = {}
    for origin in origins:
        by_commit.setdefault((origin.repository, origin.commit), []).append(origin)
    errors: list[UsageError] = []
    for (name, _), parts in by_commit.items():
        errors += _gather(out, parts, f"{host}/{name}")
    return errors


def _gather(out: Path, parts: Sequence[Origin], url: str) -> list[UsageError]:
    """All of one commit."""
    repository = out / _CLONES / parts[0].repository.replace("/", "+")
    shutil.rmtree(repository, ignore_errors=True)  # one that was broken off may be locked
    errors = []
    try:
        _fetch(repository, url, parts[0].commit)
        for origin in parts:
            try:
                _take_files(repository, origin, out / origin.source)
            except UsageError as error:
                errors.append(error)
    except UsageError as error:
        errors.append(error)
    shutil.rmtree(repository, ignore_errors=True)
    return errors


def _fetch(repository: Path, url: str, commit: str) -> None:
    """The commit and its folders, no files yet."""
    repository.mkdir(parents=True)
    _git(repository, "init", "--quiet", "--bare")
    _git(repository, "config", "remote.origin.url", url)
    _git(repository, "fetch", "--quiet", "--depth=1", "--filter=blob:none", "origin", commit)


def _take_files(repository: Path, origin: Origin, folder: Path) -> None:
    wanted = _wanted(repository, origin)
    paths = {folder / name: object_id for name, object_id in wanted.items()}
    missing = {path: object_id for path, object_id in paths.items() if not path.exists()}
    if missing:  # all at once: else git asks for one after the other
        objects = "\n".join(set(missing.values()))
        _git(repository, "fetch", "--quiet", *_OBJECTS_ALONE, "origin", given=objects)
    for path, object_id in missing.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.part")
        part.write_bytes(_git(repository, "cat-file", "blob", object_id))
        part.replace(path)
    _log.info("source=%s files=%d new=%d", origin.source, len(wanted), len(missing))


def _wanted(repository: Path, origin: Origin) -> dict[str, str]:
    """Ids of the files by their path below the source. Raises UsageError where there are none."""
    below = f"{origin.below}/" if origin.below else ""
    wanted = {}
    for row in _git(repository, "ls-tree", "-r", "-z", origin.commit).split(b"\0")[:-1]:
        facts, _, path = os.fsdecode(row).partition("\t")
        mode, _, object_id = facts.split()
        name = path.removeprefix(below)
        is_wanted = _matches(name, origin.files) and not _matches(name, origin.left_out)
        if mode in _FILES and path.startswith(below) and is_wanted:
            wanted[name] = object_id
    if not wanted:
        raise UsageError(
            f"{origin.repository} at {origin.commit}",
            expected=f"{', '.join(origin.files)} in {below or 'it'}",
            got="no such files",
            remedy=f"mend its entry in {_KNOWN.name}",
        )
    return wanted


def _matches(name: str, patterns: Sequence[str]) -> bool:
    """A star of a pattern stands for folders, too."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _git(repository: Path, *command: str, given: str = "") -> bytes:
    """What git prints. Raises UsageError with what it complains of."""
    environment = {name: os.environ[name] for name in os.environ if name not in _OF_CALLER}
    done = subprocess.run(
        ["git", f"--git-dir={repository}", "-c", "gc.auto=0", *command],
        input=given.encode(),
        capture_output=True,
        check=False,
        env={**environment, "GIT_TERMINAL_PROMPT": "0"},
    )
    if done.returncode:
        raise UsageError(
            f"repository {repository.name}",
            expected="its files",
            got=done.stderr.decode(errors="replace").strip(),
            remedy="see that its host answers, then give the same command again",
        )
    return done.stdout


def link_installed(out: Path, installed: Iterable[Installed]) -> list[str]:
    """Links what Debian packages hold; returns the packages that are not installed."""
    lacking = []
    for part in installed:
        files = sorted(part.root.glob(part.files))
        if not files:
            lacking.append(part.package)
        for file in files:
            link = out / part.source / part.name_of(file)
            link.parent.mkdir(parents=True, exist_ok=True)
            if not link.exists():
                link.unlink(missing_ok=True)  # one to a file that went
                link.symlink_to(file)
    return sorted(set(lacking))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("out", type=Path, help="gets a folder KIND/NAME for each source")
    parser.add_argument(
        "--only", action="append", metavar="KIND/NAME", help="this source alone; again for more"
    )
    parser.add_argument("--host", default=HOST, help="of the repositories (default: %(default)s)")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    origins, installed = known_origins()
    known = {part.source for part in origins} | {part.source for part in installed}
    chosen = set(given.only or known)
    if not chosen <= known:
        parser.error(f"{min(chosen - known)} is none of {', '.join(sorted(known))}")
    wanted = [part for part in origins if part.source in chosen]
    failures = [str(error) for error in gather(given.out, wanted, given.host)]
    lacking = link_installed(given.out, [part for part in installed if part.source in chosen])
    if lacking:
        failures.append(f"not installed; apt install {' '.join(lacking)}")
    if failures:
        parser.exit(1, "".join(f"{failure}\n" for failure in failures))


if __name__ == "__main__":
    main()
