"""What is an address with a secret in it, and that no command takes one or repeats it."""

import pytest

from flows.addresses import carries_credentials
from flows.cli import main
from flows.run_records import RunConfig
from lasaft_core.errors import InvalidOption

SECRET_ADDRESSES = (
    "sftp://user:hunter2@host/songs",
    "filecache::ftp://user:hunter2@host/songs",
    "https://hunter2@github.com/owner/songs",
    "s3://key:hunter2@bucket/songs",
    "https://host/w.ckpt?X-Amz-Algorithm=AWS4&X-Amz-Signature=hunter2",
    "https://host/w.ckpt?AWSAccessKeyId=hunter2",
    "https://host/w.ckpt?sv=2024&sig=hunter2&se=1",
    "https://host/w.ckpt?Policy=a&Key-Pair-Id=b&Signature=hunter2",
    "https://host/w.ckpt?token=hunter2",
    "https://host/w.ckpt#access_token=hunter2",
)


@pytest.mark.parametrize("address", SECRET_ADDRESSES)
def test_an_address_with_a_secret_is_known(address):
    assert carries_credentials(address)


@pytest.mark.parametrize(
    "address",
    [
        "default",
        "/songs/a:b@c/d.flac",
        "s3://bucket/what? a token of love.flac",
        "s3://bucket/me@home: live.flac",
        "sftp://user@host/songs",
        "abfs://container@account.dfs.core.windows.net/songs",
        "http://host:9000/w.ckpt?versionId=3",
        "hf://owner/songs@main",
    ],
)
def test_an_address_without_one_is_taken(address):
    assert not carries_credentials(address)


@pytest.mark.parametrize("address", SECRET_ADDRESSES)
@pytest.mark.parametrize("field", ["sources", "dest", "checkpoint"])
def test_a_run_refuses_addresses_with_secrets(field, address):
    value = (address,) if field == "sources" else address
    with pytest.raises(InvalidOption, match="environment") as refusal:
        RunConfig(**{"sources": ("in",), "dest": "out", field: value})
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--source", "{}", "--dest", "out"),
        ("plan", "--source", "in", "--dest", "{}"),
        ("run", "--source", "in", "--dest", "out", "--checkpoint", "{}"),
        ("separate", "{}", "--out", "out"),
        ("separate", "song.flac", "--out", "out", "--checkpoint", "{}"),
    ],
)
def test_commands_refuse_them_in_one_line_without_the_secret(
    arguments, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert main([word.format("sftp://user:hunter2@host/x") for word in arguments]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "hunter2" not in told
    assert not (tmp_path / "out").exists()
