"""Holds a transcript against the code: does an actor still say what was recorded?"""

from __future__ import annotations

from typing import Any

from structlog.testing import capture_logs

from ac_bridge.replay.differences import Difference, differences
from ac_bridge.replay.lawful import unlawful
from ac_bridge.replay.scene import Scene
from ac_bridge.replay.still import StillClock, StillLoop
from ac_bridge.replay.transcript import Came, Transcript
from ac_bridge_protocol.errors import RecordingError, SettingError


def check_actor(transcript: Transcript) -> list[Difference]:
    """Play a transcript on an actor, and return what is not as it was recorded.

    An actor that breaks down over it is such a difference.

    Raises:
        RecordingError: a line cannot be done.
        SettingError: the head asks for an actor that there cannot be.
    """
    loop = StillLoop(StillClock())
    troubles = _Troubles()
    loop.set_exception_handler(troubles.note)
    try:
        scene = Scene(transcript.head, loop)
        troubles.scene = scene
        with capture_logs():
            loop.run_until_complete(scene.play(transcript.done))
    except (RecordingError, SettingError):
        raise
    except Exception as error:  # noqa: BLE001 -- whatever it is, it was not recorded
        troubles.note(loop, {"exception": error})
    finally:
        loop.close()
    found = differences(transcript.head, transcript.lines, scene.lines)
    return found + troubles.differences(transcript) or unlawful(scene.lines)


class _Troubles:
    """Notes what the actor raised, and how many lines were done by then."""

    scene: Scene

    def __init__(self) -> None:
        self._noted: list[tuple[int, BaseException]] = []

    def note(self, loop: object, context: dict[str, Any]) -> None:
        """Take what the loop tells of something that nobody caught."""
        error = context.get("exception")
        if isinstance(error, BaseException):
            done = sum(not isinstance(line, Came) for line in self.scene.lines)
            self._noted += [(done, one) for one in _leaves(error)]

    def differences(self, transcript: Transcript) -> list[Difference]:
        """Return each as a difference."""
        at = [
            number
            for number, line in enumerate(transcript.lines, start=2)
            if not isinstance(line, Came)
        ]
        return [
            Difference(
                at[done - 1] if done else 1,
                "the actor",
                f"breaks down: {type(error).__name__}: {error}",
            )
            for done, error in self._noted
        ]


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for one in error.exceptions for leaf in _leaves(one)]
    return [error]
