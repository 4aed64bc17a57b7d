"""What an actor needs to be taught: the spool, the vault, and a way to make policies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog

from ac_bridge.clock import Clock
from ac_bridge.edge.keeper import SpoolKeeper
from ac_bridge.edge.seat import Policy
from ac_bridge.edge.spool import Spool, WhenFull
from ac_bridge.edge.vault import Vault
from ac_bridge.policy.trial import load_policy
from ac_bridge.server.actor import Actor
from ac_bridge.server.teaching import Teaching
from ac_bridge.settings import ActorSettings
from ac_bridge_protocol.errors import SettingError, SpoolError
from ac_bridge_protocol.experience import Array
from ac_bridge_protocol.spec import EnvSpec

log = structlog.get_logger()

MIB = 1024 * 1024


def teaching_from(
    settings: ActorSettings, clock: Clock
) -> Callable[[Actor, Callable[[int], None]], Teaching] | None:
    """Return what makes the actor's side of a learner; None if the settings name no spool.

    Raises:
        SettingError: the folder cannot be made.
        SpoolError: its spool cannot be opened; somebody else has it, for instance.
    """
    folder = settings.spool
    if folder is None:
        return None
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingError(
            f"The folder {folder} cannot be made: {error.strerror}.",
            setting="spool",
            hint="Name one that can be written to.",
        ) from error
    spool = Spool(
        folder / "records.spool",
        max_bytes=settings.spool_mib * MIB,
        when_full=WhenFull(settings.spool_when_full),
    )

    def make(actor: Actor, on_written: Callable[[int], None]) -> Teaching:
        keeper = SpoolKeeper(spool, clock, on_error=_log_error, on_written=on_written)
        return Teaching(actor, keeper, load, Vault(folder / "policy.kept"))

    async def load(data: bytes | bytearray, spec: EnvSpec, recorded: Sequence[Array]) -> Policy:
        return await asyncio.to_thread(load_policy, data, spec, recorded, clock.now)

    return make


def _log_error(error: SpoolError) -> None:
    log.error("spool", error=str(error))
