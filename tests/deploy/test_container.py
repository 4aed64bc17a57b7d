"""`deploy/container/`: linted; and what it runs is run, without an engine.

The commands are read from the Containerfile and compose.yaml. Put in their place are only paths of
the image, names of the network, and ports: a folder of the test, loopback, and free ones.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.balancers import free_port, logging_to, needs
from helpers.guardians import eventually

ROOT = Path(__file__).parents[2]
CONTAINER = ROOT / "deploy" / "container"
INSTALL_TIMEOUT_S = 400
LEARN_TIMEOUT_S = 90

needs_compose = needs("docker-compose")


def instructions() -> list[tuple[str, str]]:
    """Return the Containerfile's instructions, each with its arguments on one line."""
    text = re.sub(r"\\\n\s*", "", (CONTAINER / "Containerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in lines]


def last(name: str) -> list[str]:
    """Return the words of the last instruction of that name."""
    words: list[str] = json.loads([said for verb, said in instructions() if verb == name][-1])
    return words


def composed() -> dict[str, Any]:
    """Return compose.yaml as docker-compose itself reads it."""
    done = subprocess.run(
        ["docker-compose", "-f", str(CONTAINER / "compose.yaml"), "config"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    yaml = pytest.importorskip("yaml")
    found: dict[str, Any] = yaml.safe_load(done.stdout)
    return found


def hadolint() -> str:
    """Return where hadolint is."""
    beside = Path(sys.executable).with_name("hadolint")
    return str(beside) if beside.exists() else shutil.which("hadolint") or ""


@pytest.mark.skipif(not hadolint(), reason="hadolint is not installed")
def test_hadolint_finds_nothing() -> None:
    """The Containerfile follows the rules of its trade."""
    done = subprocess.run(
        [hadolint(), str(CONTAINER / "Containerfile")], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


@needs_compose
def test_compose_is_valid() -> None:
    """docker-compose reads the file without a complaint."""
    done = subprocess.run(
        ["docker-compose", "-f", str(CONTAINER / "compose.yaml"), "config", "-q"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_image_holds_no_secret_and_runs_as_nobody() -> None:
    """Copied are sources only; nothing but them reaches the build; the user has no name outside."""
    copied = [said for verb, said in instructions() if verb == "COPY"]
    sources = {word for said in copied if "--from" not in said for word in said.split()[:-1]}
    allowed = (CONTAINER / "Containerfile.dockerignore").read_text().splitlines()
    assert {f"!{source}" for source in sources} <= set(allowed)
    assert "*" in allowed
    assert not any(verb == "ARG" for verb, _ in instructions())
    assert [said for verb, said in instructions() if verb == "USER"] == ["10001"]


def test_compose_names_files_for_every_secret() -> None:
    """No token stands in the file, and the folder of the secrets is no part of the repository."""
    text = (CONTAINER / "compose.yaml").read_text()
    assert "_TOKEN:" not in text
    assert "TOKEN=" not in text
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert "/deploy/container/secrets/" in ignored


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the Containerfile would put at /opt/ac-bridge, made by its own instructions."""
    source = tmp_path_factory.mktemp("src")
    target = tmp_path_factory.mktemp("opt") / "ac-bridge"
    for verb, said in instructions():
        if verb == "COPY" and "--from" not in said:
            *names, where = said.split()
            place = Path(where.replace("/opt/ac-bridge", str(target)))
            for name in names:
                _copy(ROOT / name, source / place, into=where.endswith("/"))
        elif verb == "RUN" and "/opt/ac-bridge" in said:
            command = said.replace("python -m venv", f"{shlex.quote(sys.executable)} -m venv")
            done = subprocess.run(
                ["sh", "-c", command.replace("/opt/ac-bridge", str(target))],
                cwd=source,
                capture_output=True,
                text=True,
                timeout=INSTALL_TIMEOUT_S,
                check=False,
            )
            assert done.returncode == 0, done.stderr[-2000:]
    return target


def _copy(source: Path, target: Path, *, into: bool) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        place = target / source.name if into else target
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, place)


class Engine:
    """Does with plain processes what a container engine would do with the services."""

    def __init__(self, image: Path, secrets: Path, folder: Path) -> None:
        self._image = image
        self._secrets = secrets
        self._folder = folder
        self._composed = composed()
        self.ports = {"relay": free_port(), "actor": free_port()}

    def command(self, service: str) -> list[str]:
        """Return a service's command line."""
        said = self._composed["services"][service]
        words = [*said.get("entrypoint", last("ENTRYPOINT")), *said.get("command", last("CMD"))]
        words[0] = str(self._image / "bin" / words[0])
        return [self._placed(str(word), service) for word in words]

    def variables(self, service: str) -> dict[str, str]:
        """Return a service's variables; nothing of this process's settings gets through."""
        said = self._composed["services"][service].get("environment", {})
        return {name: self._placed(str(value), service) for name, value in said.items()}

    @contextlib.contextmanager
    def running(self, service: str) -> Iterator[Path]:
        """Run a service and wait until its health check passes; give what it logs to."""
        log = self._folder / f"{service}.log"
        variables = self.variables(service)
        if service == "actor":  # in a network of its own it has port 8765 to itself
            variables["AC_BRIDGE_LISTEN"] = f"127.0.0.1:{self.ports['actor']}"
        with logging_to(log, self.command(service), **variables) as process:
            assert eventually(lambda: process.poll() is not None or self.healthy(service))
            assert process.poll() is None, log.read_text()
            yield log

    def healthy(self, service: str) -> bool:
        """Run the image's health check against a service."""
        said = [said for verb, said in instructions() if verb == "HEALTHCHECK"][-1]
        words = json.loads(said.partition("CMD ")[2])
        words[0] = str(self._image / "bin" / words[0])
        port = str(self.ports[service])
        done = subprocess.run(
            [word.replace("8765", port) for word in words], capture_output=True, check=False
        )
        return done.returncode == 0

    def _placed(self, word: str, service: str) -> str:
        word = word.replace("/opt/ac-bridge", str(self._image))
        for name, secret in self._composed["secrets"].items():
            file = self._secrets / Path(secret["file"]).name
            word = word.replace(f"/run/secrets/{name}", str(file))
        relay = f"127.0.0.1:{self.ports['relay']}"
        return word.replace("relay:8765", relay).replace("0.0.0.0:8765", relay)


@needs_compose
def test_the_services_drive_without_an_engine(image: Path, tmp_path: Path) -> None:
    """Installed as in the image, the three find each other with the tokens of new-secrets."""
    scripts = tmp_path / "container"
    scripts.mkdir()
    shutil.copy(CONTAINER / "new-secrets", scripts)
    environment = os.environ | {"AC_BRIDGE": str(image / "bin" / "ac-bridge")}
    made = subprocess.run(
        [str(scripts / "new-secrets")], env=environment, capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    assert (scripts / "secrets").stat().st_mode & 0o077 == 0
    again = subprocess.run([str(scripts / "new-secrets")], capture_output=True, check=False)
    assert again.returncode != 0

    engine = Engine(image, scripts / "secrets", tmp_path)
    with engine.running("relay"), engine.running("actor") as log:
        attempts = 0

        def learns() -> bool:
            nonlocal attempts
            attempts += 1
            done = subprocess.run(
                engine.command("learner"),
                env=os.environ | engine.variables("learner"),
                capture_output=True,
                text=True,
                timeout=LEARN_TIMEOUT_S,
                check=False,
            )
            assert attempts < 10, done.stderr[-2000:] + log.read_text()[-2000:]
            return "300 steps, 15 numbers each" in done.stdout

        assert eventually(learns)  # compose starts it again until the actor is parked, too
