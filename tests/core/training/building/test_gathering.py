"""Sources come out of repositories at the commit that was asked for, whole or not at all."""

import subprocess
import sys
from dataclasses import replace

import pytest

from lasaft_core.training.building import gathering
from lasaft_core.training.building.gathering import (
    Installed,
    Origin,
    gather,
    known_origins,
    link_installed,
)
from lasaft_core.training.building.sources import KNOWN

FILES = {
    ".gitattributes": b"*.wav text eol=crlf\n",  # would change samples on their way out
    "takes/loud/one.wav": b"RIFF\n\x00one",
    "takes/two.wav": b"two",
    "takes/two_mobile.wav": b"small",
    "elsewhere.wav": b"no",
}


def git(folder, *command):
    identity = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "core.autocrlf=false")
    done = subprocess.run(
        ["git", "-C", folder, *identity, *command], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture(params=["{}", "file://{}"], ids=["whole", "partial"])
def host(request, tmp_path):
    """Of a repository; a path gives all files at once, an address those that are asked for."""
    folder = tmp_path / "host"
    folder.mkdir()
    return request.param.format(folder)


@pytest.fixture
def origin(host, tmp_path):
    """The first of a repository's two commits."""
    repository = tmp_path / "host" / "somebody" / "songs"
    repository.mkdir(parents=True)
    git(repository, "init", "--quiet")
    git(repository, "config", "uploadpack.allowFilter", "true")
    for name, content in FILES.items():
        file = repository / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    (repository / "takes" / "link.wav").symlink_to("two.wav")
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "-m", "songs")
    commit = git(repository, "rev-parse", "HEAD")
    (repository / "takes" / "two.wav").write_bytes(b"changed")
    git(repository, "commit", "--quiet", "-am", "another")
    return Origin(
        "voices/one",
        "somebody/songs",
        commit,
        files=("*.wav",),
        left_out=("*_mobile.wav",),
        below="takes",
    )


def found(folder):
    files = (f for f in folder.rglob("*") if f.is_file())
    return {str(f.relative_to(folder)): f.read_bytes() for f in files}


def test_files_are_those_of_the_commit_byte_for_byte(origin, host, tmp_path):
    out = tmp_path / "sources"
    whole = replace(origin, source="voices/all", below="", files=("*",), left_out=())
    assert gather(out, [origin, whole], host) == []
    wanted = {"loud/one.wav": FILES["takes/loud/one.wav"], "two.wav": b"two"}
    assert found(out / "voices" / "one") == wanted
    assert found(out / "voices" / "all") == FILES


def test_the_same_command_gets_what_is_missing(origin, host, tmp_path):
    out = tmp_path / "sources"
    gather(out, [origin], host)
    (out / "voices" / "one" / "two.wav").write_bytes(b"mine")
    (out / "voices" / "one" / "loud" / "one.wav").unlink()
    broken_off = out / ".repositories" / "somebody+songs"
    broken_off.mkdir(parents=True)
    (broken_off / "config.lock").touch()
    assert gather(out, [origin], host) == []
    kept = found(out / "voices" / "one")
    assert kept == {"loud/one.wav": FILES["takes/loud/one.wav"], "two.wav": b"mine"}


def test_a_repository_that_git_is_told_of_is_left_alone(origin, host, tmp_path, monkeypatch):
    mine = tmp_path / "mine"
    mine.mkdir()
    git(mine, "init", "--quiet")
    before = found(mine)
    monkeypatch.setenv("GIT_DIR", str(mine / ".git"))
    assert gather(tmp_path / "sources", [origin], host) == []
    assert found(mine) == before


def test_what_can_not_be_had_is_named_and_the_rest_is_there(origin, host, tmp_path):
    gone = replace(origin, repository="somebody/gone")
    unknown = replace(origin, commit="0" * 40)
    empty = replace(origin, files=("*.flac",))
    gone_too = replace(gone, source="voices/two")  # one repository, one complaint
    errors = gather(tmp_path / "sources", [gone, gone_too, unknown, empty, origin], host)
    assert [type(error).__name__ for error in errors] == ["UsageError"] * 3
    assert sorted(error.remedy[:4] for error in errors) == ["mend", "see ", "see "]
    messages = "\n".join(map(str, errors))
    for named in ("somebody+gone", "0" * 40, "*.flac in takes/"):
        assert named in messages
    assert (tmp_path / "sources" / "voices" / "one" / "two.wav").exists()


def test_without_git_its_package_is_named(origin, host, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    (error,) = gather(tmp_path / "sources", [origin], host)
    assert "apt install git" in error.remedy


def test_installed_files_are_linked_and_lacking_packages_named(tmp_path):
    song = tmp_path / "installed" / "a song" / "guitar.ogg"
    song.parent.mkdir(parents=True)
    song.write_bytes(b"x")
    there = Installed("solos/guitars", "guitars", tmp_path / "installed", "*/guitar.ogg")
    lacking = replace(there, package="pianos", files="*/piano.ogg")
    for _ in range(2):
        assert link_installed(tmp_path / "out", [there, lacking]) == ["pianos"]
    assert (tmp_path / "out" / "solos" / "guitars" / "a song.ogg").read_bytes() == b"x"


def test_every_source_with_known_terms_has_an_origin():
    repositories, packages = known_origins()
    gathered = {part.source for part in (*repositories, *packages)}
    assert len({(o.source, o.repository, o.below) for o in repositories}) == len(repositories)
    assert all(len(origin.commit) == 40 for origin in repositories)
    named = {source.replace("songs/", "solos/").split("/")[1] for source in gathered}
    assert named == set(KNOWN)


def test_unknown_sources_are_refused(monkeypatch, capsys, tmp_path):
    arguments = ["gathering", str(tmp_path), "--only", "voices/nobody"]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit, match="2"):
        gathering.main()
    assert "voices/nobody is none of" in capsys.readouterr().err


def test_failures_are_printed_at_the_end(monkeypatch, capsys, tmp_path):
    arguments = ["gathering", str(tmp_path), "--only", "voices/vocadito", "--host", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit, match="1"):
        gathering.main()
    assert capsys.readouterr().err.count("give the same command again") == 2
