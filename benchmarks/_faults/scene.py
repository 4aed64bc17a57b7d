"""A game, and an actor that drives it, each in a process of its own; and a look at the wheel.

The wheel is looked at where the game reads it: in the shared memory that stands for the device.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import select
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

from _faults.record import NoTask
from ac_bridge.clock import SystemClock
from ac_bridge.game import NEUTRAL
from ac_bridge.game.regions import open_region
from ac_bridge.standin.wheel import DEVICE, pack_controls
from ac_bridge_client import RemoteEnv
from ac_bridge_protocol.errors import GameAbsentError
from links.child import Child

HOLD_S = 0.5
"""The actor's dead-man time."""
GRACE_S = 1.0
"""How long the car stays a dead learner's."""
CONTROL_HZ = 30.0
PERIOD_S = 1.0 / CONTROL_HZ
ACTOR_HZ = 60.0
ACTOR = (
    *("--game", "standin", "--real-time", "--smoothing", "none"),
    *("--control-hz", f"{ACTOR_HZ:g}", "--telemetry-hz", f"{ACTOR_HZ:g}"),
)
"""An actor with a game of its own, which takes actions to the wheel as they are."""
READY_TIMEOUT_S = 30.0
LOOK_S = 0.0005
"""From one look at the wheel to the next: what is seen on it is known this exactly."""
SPEED_KMH = 30.0
"""Fast enough to call it "at speed", soon enough for a bench."""
FLAT_OUT = (0.0, 0.9, 0.0)
_NEUTRAL_DEVICE = pack_controls(NEUTRAL)


COMMAND = ("-m", "ac_bridge.cli")
"""What Python runs for `ac-bridge`."""


class ProgramError(Exception):
    """One of our commands did not come up; carries what it said."""


class Program(Child):
    """One of our commands in a process of its own. A context manager: it ends the process.

    Args:
        arguments: of `ac-bridge`.
        ready: what its first line begins with.
        within: a command to run it under, such as ``ip netns exec NAME``.
        variables: environment variables of ours that it gets; no others of ours.
        run: what Python runs.

    Attributes:
        first: the rest of its first line.

    Raises:
        ProgramError: it did not come up.
    """

    stop_timeout_s = 20.0

    def __init__(
        self,
        *arguments: str,
        ready: str,
        within: Sequence[str] = (),
        variables: Mapping[str, str] | None = None,
        run: Sequence[str] = COMMAND,
    ) -> None:
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 -- closed by `close`
        self.process = subprocess.Popen(
            [*within, sys.executable, *run, *arguments, "--with-parent"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            bufsize=0,
            # What is asked for here decides alone: no variable, no file of a working directory.
            env={name: value for name, value in os.environ.items() if "AC_BRIDGE" not in name}
            | dict(variables or {}),
            cwd=sys.prefix,
            start_new_session=True,
        )
        line = self._first_line()
        if not line.startswith(ready):
            said = self.said().strip().splitlines()
            self.kill()
            self.close()
            raise ProgramError(f"`ac-bridge {arguments[0]}`: {said[-1] if said else line!r}")
        self.first = line.removeprefix(ready).strip()

    def tell(self, command: str) -> None:
        """Type a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(command.encode() + b"\n")

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def said(self) -> str:
        """Return what it has written to its standard error so far."""
        self._log.seek(0)
        return self._log.read()

    def close(self) -> None:
        """End it in good order, and by force if that is not enough. May be called twice."""
        super().close()
        self._log.close()

    def _first_line(self) -> str:
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], READY_TIMEOUT_S)
        return self.process.stdout.readline().decode() if ready else ""


def start_actor(
    *arguments: str,
    port: int = 0,
    within: Sequence[str] = (),
    variables: Mapping[str, str] | None = None,
    run: Sequence[str] = COMMAND,
) -> Program:
    """Start an actor, on a free port unless told which; `first` is its address without ``ws://``."""
    return Program(
        *("actor", "--listen", f"127.0.0.1:{port}", "--log-level", "error", *arguments),
        ready="Serving on ws://",
        within=within,
        variables=variables,
        run=run,
    )


def port_of(actor: Program) -> int:
    """Return the port on which an actor listens."""
    return int(actor.first.rpartition(":")[2])


class Scene:
    """A game and an actor in processes of their own. A context manager: it ends both.

    Attributes:
        whole: whether both still work; a row that breaks one says so here.
        free_s: when the car is nobody's any more.
    """

    def __init__(self) -> None:
        self._name = f"acbf{uuid.uuid4().hex[:8]}_"
        self._clock = SystemClock()
        self.free_s = self._clock.now()
        self.game = self._launch()
        try:
            self.actor = start_actor(
                *("--game", "shm", "--controller", "standin", "--page-prefix", self._name),
                *("--wheel-name", self._name + "wheel", "--control-hz", f"{CONTROL_HZ:g}"),
                *("--hold-s", f"{HOLD_S:g}", "--grace-s", f"{GRACE_S:g}", "--smoothing", "none"),
            )
        except BaseException:
            self.game.close()
            raise
        self.whole = True

    @property
    def uri(self) -> str:
        """The actor's address."""
        return f"ws://{self.actor.first}"

    @contextlib.contextmanager
    def learner(self, **options: Any) -> Iterator[RemoteEnv]:
        """Connect to the actor, and let go of the car in the end."""
        with contextlib.closing(RemoteEnv(self.uri, task=NoTask(), **options)) as env:
            yield env

    def new_game(self) -> None:
        """Start the game anew, under the same names."""
        self.game.close()
        self.game = self._launch()

    def controls(self) -> tuple[int, ...]:
        """Return the device's axes and buttons as they are now."""
        axes: tuple[int, ...] = DEVICE.unpack(self._device())
        return axes

    def neutral(self) -> bool:
        """Whether the wheel is straight and every pedal and button released."""
        return self._device() == _NEUTRAL_DEVICE

    def neutral_after_s(self, since_s: float, timeout_s: float) -> float:
        """Watch the wheel until it is neutral; return how long after a moment that was.

        Args:
            since_s: the moment, by this process's clock.
            timeout_s: watch no longer than this; then infinity is returned.
        """
        end_s = since_s + timeout_s
        with contextlib.closing(open_region(self._name + "wheel", DEVICE.size)) as region:
            while (now_s := self._clock.now()) < end_s:
                if region.read(DEVICE.size) == _NEUTRAL_DEVICE:
                    return now_s - since_s
                self._clock.sleep_until(now_s + LOOK_S)
        return float("inf")

    def stays_neutral(self, seconds: float) -> bool:
        """Watch the wheel for a while; return whether it was neutral at every look."""
        end_s = self._clock.now() + seconds
        while (now_s := self._clock.now()) < end_s:
            if not self.neutral():
                return False
            self._clock.sleep_until(now_s + 10 * LOOK_S)
        return True

    def close(self) -> None:
        """End actor and game. May be called twice."""
        self.whole = False
        try:
            self.actor.close()
        finally:
            self.game.close()

    def _device(self) -> bytes:
        try:
            with contextlib.closing(open_region(self._name + "wheel", DEVICE.size)) as region:
                return region.read(DEVICE.size)
        except GameAbsentError:  # gone with the game: nothing is pressed
            return _NEUTRAL_DEVICE

    def _launch(self) -> Program:
        names = ("--prefix", self._name, "--wheel", self._name + "wheel")
        return Program("simulate", *names, ready="Publishing ")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def drive_off(env: RemoteEnv, *, until_kmh: float = SPEED_KMH, limit_steps: int = 1200) -> int:
    """Reset and drive flat out until the car is fast enough; return the steps that took.

    Raises:
        ProgramError: it does not get there.
    """
    env.reset()
    for step in itertools.count(1):
        *_, truncated, info = env.step(FLAT_OUT)
        if truncated or step > limit_steps:
            raise ProgramError(
                f"the car does not drive off: {info['speed_kmh']:.0f} km/h after {step} steps, "
                f"{info.get('end_reason', 'no end')}"
            )
        if info["speed_kmh"] >= until_kmh:
            return step
    raise AssertionError
