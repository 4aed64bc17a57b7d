"""Every `ac-bridge ...` that a page, a unit, a task or a container file tells exists."""

from __future__ import annotations

import re
import shlex
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ac_bridge.cli import app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")), ROOT / "deploy" / "README.md"]
COMMENTED = [
    path
    for path in sorted((ROOT / "deploy").rglob("*"))
    if path.is_file() and path.suffix != ".md" and "secrets" not in path.parts
]
BLOCK = re.compile(r"^ *```[^\n]*\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"(?<!`)`ac-bridge (?!guardian:|wheel`)([^`]+)`")
"""But for what the guardian says, and the name of the wheel."""
PREFIX = r"(?:sudo |uv run |exec )*(?:[A-Z_]+=\S+ )*(?:\S*[/\\])?"
START = rf"{PREFIX}ac-bridge(?:\.exe)? (?!guardian:)"
COMMAND = re.compile(rf"^\s*(?:[$>] )?{START}(.*)|(?:&& |; |\$\(){START}(.*)", re.MULTILINE)
TOLD = re.compile(rf":\s+(?:#\s+)?{START}(\w.*)|^#\s{{2,}}{START}(\w.*)", re.MULTILINE)
"""A command in a comment: after a colon, or indented."""
END = re.compile(r"\s#|\s*(?:\||;|&|2>|>|\)|`|\s{5,}\()")
"""Where a command ends on its line: a comment, a pipe, another command, where its output goes."""


def in_code(text: str) -> Iterator[str]:
    """Yield what follows `ac-bridge` in each command of some code."""
    joined = re.sub(r"[\\`]\n\s*", " ", text)
    for match in COMMAND.finditer(joined):
        yield END.split(match[1] or match[2], maxsplit=1)[0]


def in_page(text: str) -> Iterator[str]:
    """The same for a page: its blocks of code, and the commands in its sentences."""
    for block in BLOCK.findall(text):
        yield from in_code(block)
    for inline in INLINE.findall(BLOCK.sub("", text)):
        yield re.sub(r"[\[\]]|\.\.\.", " ", inline)


def in_deploy(path: Path) -> Iterator[str]:
    """The same for a file of `deploy/`: what it runs, and what its comments tell to run."""
    text = path.read_text()
    if path.suffix == ".xml":
        for element in ET.fromstring(text).iter():  # noqa: S314 -- our own file
            if element.tag.endswith("}Arguments"):
                module, _log, options = re.split(r'\s*("[^"]*")\s*', element.text or "", maxsplit=1)
                assert module == "-m ac_bridge.guardian.logged"
                yield f"actor {options}"
        return
    yield from (match[1] for match in re.finditer(r"^ExecStart=\S+/ac-bridge (.*)", text, re.M))
    yield from (END.split(line)[0] for line in map(max, TOLD.findall(text)))
    yield from INLINE.findall(text)
    yield from in_code(text)


def cases() -> Iterator[tuple[str, str]]:
    """Yield every command with the file it stands in."""
    for page in PAGES:
        yield from ((page.name, command) for command in in_page(page.read_text()))
    for path in COMMENTED:
        yield from ((path.name, command) for command in in_deploy(path))


FOUND = sorted(set(cases()))


def problem(command: str) -> str:
    """Return what is wrong with a command, nothing if it can be understood to its end."""
    words = shlex.split(command.replace("\\", "/"))
    # Asked for help the program runs nothing, but reads the whole line first. It stands before all
    # options: the last, if it lacked its value, would take it for that, and the program would run.
    options = next((at for at, word in enumerate(words) if word.startswith("-")), len(words))
    asked = [*words[:options], "--help", *words[options:]]
    done = CliRunner().invoke(app, asked, terminal_width=200)
    return "" if done.exit_code == 0 else done.output


@pytest.mark.parametrize(("source", "command"), FOUND)
def test_a_command_is_understood(source: str, command: str) -> None:
    """The command exists, and so do its flags."""
    assert not problem(command), f"{source}: ac-bridge {command}\n{problem(command)}"


def test_commands_are_found_everywhere() -> None:
    """The search above finds what it is meant to find."""
    sources = {source for source, _ in FOUND}
    assert sources >= {
        "README.md",
        "windows.md",
        "ac-bridge-task.xml",
        "ac-bridge-actor.service",
        "ac-bridge-relay.service",
        "ac-bridge.toml",
        "relay.toml",
        "Caddyfile",
        "haproxy.cfg",
    }


@pytest.mark.parametrize(
    "command",
    [
        "actor --no-such-flag",
        "no-such-command",
        "relay --lisen x",
        "actor --record",
        "cert new --out",
    ],
)
def test_a_wrong_command_is_noticed(command: str) -> None:
    """The check above can fail."""
    assert problem(command)
