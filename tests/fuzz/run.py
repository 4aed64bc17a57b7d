"""Lets atheris look for bytes that break a target.

Run as `python -m fuzz.run TARGET [OPTIONS OF LIBFUZZER] [FOLDERS OF SEEDS]`, from `tests`.
"""

from __future__ import annotations

import sys

import atheris

# What of ours reads the bytes, and nothing that only helps to look at what came of it.
with atheris.instrument_imports(
    include=["ac_bridge_protocol", "ac_bridge.net.tokens", "ac_bridge.relay.frames"]
):
    from fuzz.targets import TARGETS


def main() -> None:
    """Fuzz until the options say that it is enough; what breaks a promise ends the process."""
    name, *options = sys.argv[1:]
    atheris.Setup([sys.argv[0], *options], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
