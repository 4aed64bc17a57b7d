"""The actor's side of its guardian: starts it, notices if it dies, and sees it off at the end."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from typing import IO, Any

import structlog

from ac_bridge.game import Inheritance
from ac_bridge.guardian.takeover import EXIT_USELESS, FAREWELL, LINGER_S, PATIENCE_S, READY
from ac_bridge_protocol.helpers import Closing, GrowingWaits

log = structlog.get_logger()

READY_TIMEOUT_S = 10.0
"""Importing everything takes half a second; on a busy machine more."""
LEAVE_TIMEOUT_S = PATIENCE_S + LINGER_S + 2.0
"""What a guardian may take that has to set the wheel neutral, and some."""
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 60.0
"""Before another guardian is started in place of one that died."""


class GuardianKeeper(Closing):
    """Keeps a guardian beside this process while it holds a wheel that outlives it.

    Call `farewell` once the wheel is neutral; a guardian that is closed without it sets the wheel
    neutral itself.

    Args:
        inheritance: of the wheel; None, for one that goes with this process, needs no guardian.
    """

    def __init__(self, inheritance: Inheritance | None) -> None:
        """Start the guardian, and wait until it is ready to act or has failed."""
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._settled = threading.Event()
        self._farewell = False
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        if inheritance is None:
            return
        self._thread = threading.Thread(
            target=self._keep, args=(inheritance,), name="ac-bridge-guardian", daemon=True
        )
        self._thread.start()
        if not self._settled.wait(READY_TIMEOUT_S):
            log.warning("guardian not ready yet", waited_s=READY_TIMEOUT_S)

    @property
    def pid(self) -> int | None:
        """The guardian's process id, None while there is none."""
        return None if self._process is None else self._process.pid

    def farewell(self) -> None:
        """Remember that the wheel is neutral, and that no guardian need touch it any more."""
        self._farewell = True

    def close(self) -> None:
        """Let the guardian go, and wait until it has. May be called twice."""
        if self._thread is None:
            return
        with self._lock:
            self._ending.set()
            process = self._process
        if process is not None:
            _see_off(process, FAREWELL if self._farewell else b"")
        self._thread.join(LEAVE_TIMEOUT_S)
        if self._thread.is_alive() and process is not None:
            log.warning("guardian does not leave; it is ended", pid=process.pid)
            process.kill()
            self._thread.join()
        self._thread = None

    def _keep(self, inheritance: Inheritance) -> None:
        """Have a guardian until the end: one that dies is followed by another."""
        waits = GrowingWaits(FIRST_WAIT_S, LONGEST_WAIT_S)
        while True:
            try:
                ended = self._keep_one(inheritance)
            except OSError as error:  # the system has no room for another process, say
                ended = str(error)
            self._settled.set()
            if self._ending.is_set():
                return
            if ended == EXIT_USELESS:
                log.warning("no guardian can take this wheel")
                return
            again_in_s = waits.next_s()
            log.warning("guardian died", status=ended, another_in_s=again_in_s)
            if self._ending.wait(again_in_s):
                return

    def _keep_one(self, inheritance: Inheritance) -> int | str:
        """Stay with one guardian from its start to its end; return its exit status."""
        with self._lock:
            if self._ending.is_set():
                return 0
            self._process = process = _start(inheritance)
        stdin, stdout = _pipe(process.stdin), _pipe(process.stdout)
        with stdin, stdout:
            if stdout.readline() == READY:
                log.debug("guardian ready", pid=process.pid)
                self._settled.set()
            status = process.wait()
        self._process = None
        return status


def _see_off(process: subprocess.Popen[bytes], last_words: bytes) -> None:
    """Say the last words and close the pipe."""
    stdin = _pipe(process.stdin)
    with contextlib.suppress(OSError, ValueError):  # it died at this moment
        if last_words:
            stdin.write(last_words)
    stdin.close()


def _start(inheritance: Inheritance) -> subprocess.Popen[bytes]:
    """Start a guardian that holds nothing of ours but the pipes, and a wheel's own descriptors."""
    arguments = (inheritance.controller, inheritance.device)
    return subprocess.Popen(  # noqa: S603 -- our own interpreter and module
        # -P: nothing in the working directory stands in for a module.
        [sys.executable, "-P", "-m", "ac_bridge.guardian", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
        **_apart(inheritance),
    )


def _apart(inheritance: Inheritance) -> dict[str, Any]:
    """Return what keeps the guardian out of what happens to the actor's terminal."""
    if sys.platform == "win32":
        no_terminal = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        return {"creationflags": no_terminal}
    return {"start_new_session": True, "pass_fds": inheritance.descriptors}


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None  # noqa: S101 -- asked for when it was started
    return stream
