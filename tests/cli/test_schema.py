"""`ac-bridge schema`: the published documents, on a screen or in a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ac_bridge.cli import app
from ac_bridge_protocol.errors import SettingError

DOCS = Path(__file__).parents[2] / "docs" / "protocol"


def run(*arguments: str | Path) -> Result:
    """Run `ac-bridge schema` to its end."""
    return CliRunner().invoke(app, ["schema", *map(str, arguments)])


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ((), "messages.schema.json"),
        (("--format", "jsonschema"), "messages.schema.json"),
        (("--format", "asyncapi"), "asyncapi.json"),
    ],
)
def test_prints_what_is_published(tmp_path: Path, arguments: tuple[str, ...], name: str) -> None:
    """Nothing else on standard output; byte for byte the same in a file."""
    published = (DOCS / name).read_bytes()
    assert run(*arguments).stdout.encode() == published
    path = tmp_path / "out.json"
    done = run(*arguments, "-o", path)
    assert done.exit_code == 0
    assert done.stdout == ""
    assert str(path) in done.stderr.replace("\n", "")
    assert path.read_bytes() == published
    assert json.loads(published)


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    """An error of ours, that names it and says what to do."""
    done = run("--output", tmp_path / "missing" / "x.json")
    assert isinstance(done.exception, SettingError)
    assert "missing" in done.exception.message
    assert done.exception.hint


def test_an_unknown_format() -> None:
    """Is refused with the ones that there are."""
    done = run("--format", "protobuf")
    assert done.exit_code == 2
    assert "asyncapi" in done.stderr


def test_help_has_examples() -> None:
    """Somebody who asks for help gets lines to copy."""
    assert "ac-bridge schema --format asyncapi -o asyncapi.json" in run("--help").stdout
