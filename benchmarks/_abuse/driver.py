"""A driver who means well, in a process of its own: steps at 60 Hz, without a pause, to the end.

Run as `_abuse.driver URI`. Told anything, it tells what it met since it was last asked: how late
the actor's ticks were, how many were skipped, and whether the episode went on.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

from _faults.record import NoTask
from ac_bridge_client import RemoteEnv
from links.servant import orders, say

GENTLY = (0.05, 0.3, 0.0)


class Drive:
    """Steps in a thread, and what came of them."""

    def __init__(self, env: RemoteEnv) -> None:
        self._env = env
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self._found = self._nothing()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def since(self) -> dict[str, Any]:
        """Return what was met since this was last asked."""
        with self._lock:
            found, self._found = self._found, self._nothing()
        return found

    def end(self) -> None:
        """Stop stepping."""
        self._ending.set()
        self._thread.join()

    def _nothing(self) -> dict[str, Any]:
        return {"tick_error_s": [], "missed": 0, "late": 0, "held": 0, "ended": []}

    def _run(self) -> None:
        try:
            self._env.reset()
            while not self._ending.is_set():
                *_, truncated, info = self._env.step(GENTLY)
                self._note(info)
                if truncated:
                    self._env.reset()
        except Exception as error:  # noqa: BLE001 -- told to the master, for whom it ends it all
            with self._lock:
                self._found["ended"].append(f"{type(error).__name__}: {error}")

    def _note(self, info: dict[str, Any]) -> None:
        receipt = info["receipt"]
        with self._lock:
            self._found["tick_error_s"].append(receipt.tick_error_s)
            self._found["missed"] += receipt.ticks_missed
            self._found["late"] += receipt.late
            self._found["held"] += receipt.ticks_held
            if reason := info.get("end_reason"):
                self._found["ended"].append(str(reason))


def main() -> None:
    """Drive until the master goes."""
    env = RemoteEnv(sys.argv[1], task=NoTask())
    drive = Drive(env)
    say(ready=True)
    for _ in orders():
        say(**drive.since())
    drive.end()
    env.close()


if __name__ == "__main__":
    main()
