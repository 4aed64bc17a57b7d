"""What Windows grants the actor, asked for real: by way of Wine's Windows."""

from __future__ import annotations

import json

from helpers.wine import WindowsPython

ASK = """
import dataclasses, json, structlog, sys
from ac_bridge.machine.punctual import Punctuality
from ac_bridge.machine.punctual_windows import SystemCalls

structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
calls = SystemCalls()
classes = [calls.priority()]
with Punctuality() as punctuality:
    classes.append(calls.priority())
    granted = [dataclasses.asdict(grant) for grant in punctuality.granted]
classes.append(calls.priority())
with Punctuality(raise_priority=False):
    classes.append(calls.priority())
print(json.dumps({"granted": granted, "classes": classes}))
"""

NORMAL, ABOVE_NORMAL = 0x20, 0x8000


def test_windows_grants_and_gets_back(wpy: WindowsPython) -> None:
    """The priority as Windows tells it; the rest by what its calls return.

    Wine may not know power throttling: then that is refused, and nothing else is.
    """
    done = wpy("-c", ASK)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["classes"] == [NORMAL, ABOVE_NORMAL, NORMAL, NORMAL]
    granted = {grant["name"]: grant for grant in found["granted"]}
    assert list(granted) == ["timer period", "power throttling", "priority"]
    assert granted["timer period"] == {"name": "timer period", "ok": True, "detail": "1 ms"}
    assert granted["priority"]["ok"]
    throttling = granted["power throttling"]
    assert throttling["ok"] or "punctuality_refused" in done.stderr


NO_FUNCTION = """
from ac_bridge.machine.punctual_windows import _function

try:
    _function("kernel32", "NoSuchFunctionOfAnyWindows", (), None)
except OSError as error:
    print(error)
"""


def test_a_function_that_windows_lacks_is_a_refusal(wpy: WindowsPython) -> None:
    """Not an AttributeError out of ctypes."""
    done = wpy("-c", NO_FUNCTION)
    assert done.stdout.strip() == "this Windows has no NoSuchFunctionOfAnyWindows", done.stderr
