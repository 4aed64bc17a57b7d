"""`python -m ac_bridge.cli`: the same as the command `ac-bridge`."""

from ac_bridge.cli import main

main()
