"""A loop that does nothing but wait for ticks: how late it is, is the machine's own share.

Run as `_faults.sleeper HZ`, beside what is measured. Tells at any order how late its ticks were.
"""

from __future__ import annotations

import sys
import threading

from ac_bridge.clock import SystemClock
from ac_bridge.machine.punctual import Punctuality
from ac_bridge.pacing import Ticker, percentile
from links.servant import orders, say


def main() -> None:
    """Wait for ticks until the master goes."""
    clock = SystemClock()
    late_s: list[float] = []
    ending = threading.Event()

    def sleep() -> None:
        with Punctuality():  # the system is asked for what the actor asks for
            ticker = Ticker(float(sys.argv[1]), clock)
            while not ending.is_set():
                tick = ticker.wait()
                late_s.append(clock.now() - tick.at_s)

    thread = threading.Thread(target=sleep)
    thread.start()
    say(ready=True)
    for _ in orders():
        say(p99_s=percentile(late_s, 0.99))
    ending.set()
    thread.join()


if __name__ == "__main__":
    main()
