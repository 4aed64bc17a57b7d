"""The command `ac-bridge`, whose recordings are on disk a few milliseconds after each step.

A recording is finished once a second, as a rule, and a kill takes the rest with it. Here it is to
testify up to the moment of a kill. All else is the same.
"""

from __future__ import annotations

from ac_bridge.cli import main
from ac_bridge_recording import recorder

recorder.FLUSH_NS = 0  # with every look
recorder.POLL_S = 0.002

main()
