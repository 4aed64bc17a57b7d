"""The training side: an actor's car as a Gymnasium environment.

`RemoteEnv` is a `gymnasium.Env`; `AsyncRemoteEnv` has the same methods as coroutines;
`gymnasium.make("ac_bridge/AssettoCorsa-v0", uri=...)` makes a `RemoteEnv`, once this package is
imported. `Link` is the bare connection, for spectators.
"""

from ac_bridge_client.aio import AsyncRemoteEnv
from ac_bridge_client.env import RemoteEnv
from ac_bridge_client.link import Link
from ac_bridge_client.registration import register_envs
from ac_bridge_client.stats import EnvStats
from ac_bridge_protocol.tasks import ProgressTask, Task, TaskResult

__all__ = [
    "AsyncRemoteEnv",
    "EnvStats",
    "Link",
    "ProgressTask",
    "RemoteEnv",
    "Task",
    "TaskResult",
    "register_envs",
]

register_envs()
