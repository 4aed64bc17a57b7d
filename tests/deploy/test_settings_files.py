"""`deploy/ac-bridge.toml` and `deploy/relay.toml`: every key there is, and no other, each right."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic_settings import BaseSettings

from ac_bridge.relay.settings import RelaySettings
from ac_bridge.settings import ActorSettings

DEPLOY = Path(__file__).parents[2] / "deploy"
KEY = re.compile(r"^# ([a-z_]+) = ", re.MULTILINE)
FILES = pytest.mark.parametrize(
    ("file", "model"), [("ac-bridge.toml", ActorSettings), ("relay.toml", RelaySettings)]
)


def uncommented(file: str) -> dict[str, Any]:
    """Return what the file says once the '#' before each key is taken away."""
    return tomllib.loads(KEY.sub(r"\1 = ", (DEPLOY / file).read_text()))


@FILES
def test_every_key_is_there_and_no_other(file: str, model: type[BaseSettings]) -> None:
    """What can be set can be found in the file; what is in the file can be set."""
    assert set(uncommented(file)) == set(model.model_fields)
    written = KEY.findall((DEPLOY / file).read_text())
    assert len(written) == len(set(written))


@FILES
def test_every_default_is_the_models(file: str, model: type[BaseSettings]) -> None:
    """A value behind a '#' is what holds without it; only what has no default shows an example."""
    for key, value in uncommented(file).items():
        default = model.model_fields[key].default
        if default is not None:
            assert value == (list(default) if isinstance(default, tuple) else default), key


@FILES
def test_as_shipped_it_changes_nothing_and_holds_no_secret(
    file: str, model: type[BaseSettings]
) -> None:
    """All is commented out, the examples of secrets are empty, and the file says where they go."""
    text = (DEPLOY / file).read_text()
    assert tomllib.loads(text) == {}
    secrets = [
        key for key, field in model.model_fields.items() if "Secret" in str(field.annotation)
    ]
    assert secrets
    assert not any(uncommented(file)[key] for key in secrets)
    assert "SECRETS:" in text
