"""Makes `gymnasium.make("ac_bridge/AssettoCorsa-v0", uri=...)` work, once this is imported."""

from __future__ import annotations

import gymnasium as gym

ENV_ID = "ac_bridge/AssettoCorsa-v0"


def register_envs() -> None:
    """Register the environment. A second call changes nothing."""
    if ENV_ID not in gym.registry:
        gym.register(ENV_ID, entry_point="ac_bridge_client.env:RemoteEnv")
