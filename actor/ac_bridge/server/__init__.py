"""The actor on asyncio: sampler, stepper and WebSocket server around one rig."""

from ac_bridge.server.app import ActorApp, run_actor

__all__ = ["ActorApp", "run_actor"]
