"""The relay: where actors and learners meet that cannot reach each other. Both dial it."""

from ac_bridge.relay.app import RelayApp, run_relay

__all__ = ["RelayApp", "run_relay"]
