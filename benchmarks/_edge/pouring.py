"""The floor of a stream: the same messages, made beforehand, over a bare websockets server.

Run as ``_edge.pouring FOLDER``, with a spool in that folder: says on which port it listens, and
pours everything into whoever connects.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from websockets.asyncio.server import ServerConnection, serve

from _edge.records import MAX_BYTES
from ac_bridge.edge.spool import Spool
from ac_bridge.machine.loops import run_on_best_loop
from ac_bridge.server.outbox import BATCH_RECORDS
from ac_bridge_protocol.codec import MSGPACK
from ac_bridge_protocol.edge import Records
from ac_bridge_protocol.experience import pack_batch
from ac_bridge_protocol.limits import RECORD_BYTES
from links.servant import say


def messages(folder: Path) -> list[bytes]:
    """Return all messages that an actor would send of its spool."""
    made, after = [], 0
    with Spool(folder / "records.spool", max_bytes=MAX_BYTES) as spool:
        while found := spool.read(after, BATCH_RECORDS, RECORD_BYTES):
            batch = pack_batch([data for _, data in found])
            made.append(
                MSGPACK.encode(Records(spool=spool.spool_id, first=found[0][0], batch=batch))
            )
            after = found[-1][0]
    return made


async def pour(made: list[bytes]) -> None:
    """Serve until the master is gone."""

    async def handler(websocket: ServerConnection) -> None:
        for message in made:
            await websocket.send(message)

    async with serve(handler, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        say(port=next(iter(server.sockets)).getsockname()[1])
        await asyncio.to_thread(sys.stdin.read)


def main() -> None:
    """Make the messages, and pour them."""
    made = messages(Path(sys.argv[1]))
    run_on_best_loop(pour(made))


if __name__ == "__main__":
    main()
