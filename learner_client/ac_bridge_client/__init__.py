"""The training side: an actor's car as a Gymnasium environment.

`RemoteEnv` is a `gymnasium.Env`; `AsyncRemoteEnv` has the same methods as coroutines;
`gymnasium.make("ac_bridge/AssettoCorsa-v0", uri=...)` makes a `RemoteEnv`, once this package is
imported. `ActorStream` is the other way to learn: the policy acts on the actor's machine, and what
it lived through comes back; `AsyncActorStream` has the same as coroutines. `Link` is the bare
connection, for spectators.
"""

from ac_bridge_client.aio import AsyncRemoteEnv
from ac_bridge_client.env import RemoteEnv
from ac_bridge_client.link import Link
from ac_bridge_client.registration import register_envs
from ac_bridge_client.stats import EnvStats
from ac_bridge_client.stream import ActorStream
from ac_bridge_client.stream_aio import AsyncActorStream
from ac_bridge_client.stream_batch import Batch, Episode
from ac_bridge_client.stream_stats import ActorStats, StreamStats
from ac_bridge_protocol.tasks import ProgressTask, Task, TaskResult

__all__ = [
    "ActorStats",
    "ActorStream",
    "AsyncActorStream",
    "AsyncRemoteEnv",
    "Batch",
    "EnvStats",
    "Episode",
    "Link",
    "ProgressTask",
    "RemoteEnv",
    "StreamStats",
    "Task",
    "TaskResult",
    "register_envs",
]

register_envs()
