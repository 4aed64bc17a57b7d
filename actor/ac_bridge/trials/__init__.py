"""Trying a machine out before anybody learns on it: telemetry, controls, and both together.

What the commands `test-telemetry`, `test-control` and `smoke-test` do; they only show it. Nothing
in here smooths or guards: a trial moves the wheel itself, and lets go of it at its end.
"""
