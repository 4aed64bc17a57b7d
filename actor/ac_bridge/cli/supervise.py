"""A parent that runs the actor as its child, and starts it again when it died."""

from __future__ import annotations

import contextlib
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence

import structlog

from ac_bridge.clock import Clock, SystemClock
from ac_bridge.guardian.restarts import Leave, RestartPolicy, cause, shell_status
from ac_bridge.machine.endings import ending_signals

log = structlog.get_logger()

END_TIMEOUT_S = 15.0
"""An actor that was asked to end says good-bye within a second; its guardian may need longer."""
LOOK_S = 0.5
"""Windows tells of Ctrl+C between two waits only."""
CHILD = ("--no-restart", "--with-parent", "--supervised")
"""What the child is told beside all that was typed; of two contradicting flags the last counts."""


class Supervisor:
    """Runs a command until it ends as it was asked to.

    Args:
        command: what to run. It must end when its standard input is closed, however that happens:
            so it ends too when this process is killed.
        clock: tells how long a run lasted.
    """

    def __init__(self, command: Sequence[str], clock: Clock) -> None:
        self._command = command
        self._clock = clock
        self._news: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self._ending = False

    def end(self) -> None:
        """Ask the child to end, and start no other. From any thread or signal handler."""
        self._news.put(None)

    def run(self) -> int:
        """Return the exit status for this process, once no further child is to be started."""
        policy = RestartPolicy()
        while True:
            began_s = self._clock.now()
            status = self._run_once()
            ran_s = self._clock.now() - began_s
            if self._ending:
                return shell_status(status)
            verdict = policy.after(status, ran_s)
            told = {"ended_by": cause(status), "ran_s": round(ran_s, 1)}
            if isinstance(verdict, Leave):
                if verdict.reason:
                    log.error("actor not started again", reason=verdict.reason, **told)
                return verdict.status
            log.warning("actor died", again_in_s=verdict.wait_s, **told)
            if self._asked_within(verdict.wait_s):
                return shell_status(status)

    def _run_once(self) -> int:
        with subprocess.Popen(self._command, stdin=subprocess.PIPE) as process:  # noqa: S603 -- ours
            waiter = threading.Thread(
                target=lambda: self._news.put(process.wait()), name="ac-bridge-child", daemon=True
            )
            waiter.start()
            status = self._next(None)
            if status is None:  # asked to end
                self._ending = True
                status = self._end(process)
            waiter.join()
            return status

    def _end(self, process: subprocess.Popen[bytes]) -> int:
        """Close the child's input, and end it by force if that is not enough."""
        assert process.stdin is not None  # noqa: S101 -- asked for above
        process.stdin.close()
        deadline_s = self._clock.now() + END_TIMEOUT_S
        while True:
            try:
                status = self._next(deadline_s)
            except TimeoutError:
                log.warning("actor does not end; it is ended by force", after_s=END_TIMEOUT_S)
                process.kill()
                deadline_s = float("inf")
                continue
            if status is not None:  # else asked once more
                return status

    def _next(self, deadline_s: float | None) -> int | None:
        """Return the next news: the child's exit status, or None for being asked to end.

        Raises:
            TimeoutError: there was none until the deadline.
        """
        while True:
            with contextlib.suppress(queue.Empty):
                return self._news.get(timeout=LOOK_S)
            if deadline_s is not None and self._clock.now() >= deadline_s:
                raise TimeoutError

    def _asked_within(self, wait_s: float) -> bool:
        """Wait, and return whether to end was asked for meanwhile."""
        with contextlib.suppress(TimeoutError):
            self._next(self._clock.now() + wait_s)
            return True
        return False


def supervise_actor() -> int:
    """Run what was typed as a child, again and again where it dies; return the exit status."""
    command = [sys.executable, "-m", "ac_bridge.cli", *sys.argv[1:], *CHILD]
    with contextlib.closing(SystemClock()) as clock:
        supervisor = Supervisor(command, clock)
        with _ending_by_signal(supervisor):
            return supervisor.run()


@contextlib.contextmanager
def _ending_by_signal(supervisor: Supervisor) -> Iterator[None]:
    before = {
        number: signal.signal(number, lambda *_: supervisor.end()) for number in ending_signals()
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
