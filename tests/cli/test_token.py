"""`ac-bridge token new`: a secret, printed once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ac_bridge.cli import app
from ac_bridge.net.token_file import TokenKeeper
from ac_bridge.net.tokens import Grant, TokenBook
from ac_bridge_protocol.errors import SettingError


def run(*arguments: str | Path) -> Result:
    """Run `ac-bridge token new` to its end."""
    return CliRunner().invoke(app, ["token", "new", *map(str, arguments)])


def test_the_token_alone_on_stdout() -> None:
    """So that it can be piped; how to use it is on stderr."""
    done = run()
    assert done.exit_code == 0
    token = done.stdout.removesuffix("\n")
    assert TokenBook.of(driver=token).grants(token)
    assert "AC_BRIDGE_DRIVER_TOKEN" in done.stderr
    assert token not in done.stderr
    assert run().stdout != done.stdout


@pytest.mark.parametrize("grant", list(Grant))
def test_into_a_file(tmp_path: Path, grant: Grant) -> None:
    """It opens what was asked for."""
    path = tmp_path / "tokens.txt"
    done = run("--for", grant.value, "--file", path)
    assert grant in TokenKeeper(path).book.grants(done.stdout.strip())
    assert str(path) in done.stderr.replace("\n", "")


def test_json(tmp_path: Path) -> None:
    """One object; the token in the file is added to those that are there."""
    path = tmp_path / "tokens.txt"
    first = run("--file", path).stdout.strip()
    done = run("--for", "park", "--name", "my-pc", "--file", path, "--json")
    said = json.loads(done.stdout)
    assert done.stderr == ""
    assert (said["for"], said["name"], said["file"]) == ("park", "my-pc", str(path))
    book = TokenKeeper(path).book
    assert book.may_park(said["token"], "my-pc")
    assert not book.may_park(said["token"], "other")
    assert book.grants(first)
    assert json.loads(run("--json").stdout)["file"] is None


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--name", "my-pc"), "A driver token has no name"),
        (("--for", "park", "--name", "-x"), "no actor can be called that"),
    ],
)
def test_a_name_that_makes_no_sense(tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    """Is refused before anything is made or written."""
    path = tmp_path / "tokens.txt"
    done = run(*arguments, "--file", path, "--json")
    assert done.exit_code == 1
    assert says in json.loads(done.stdout)["error"]
    assert not path.exists()
    assert isinstance(run(*arguments).exception, SettingError)


def test_help_has_examples() -> None:
    """Somebody who asks for help gets lines to copy."""
    assert "ac-bridge token new --for park --name my-pc" in run("--help").stdout
