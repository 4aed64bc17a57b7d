"""A learner in a process of its own, there to be killed: what it takes goes into checkpoints.

Run as `_faults.stream_learner URI FOLDER VERSION SEED`. Says that it has begun, and then goes on by
itself. When it is asked for its ``gap`` it says when the next checkpoint is kept and not committed,
and waits there to be killed; asked for anything else it ends the run, and tells the ``last`` number
of the spool once it has everything.
"""

from __future__ import annotations

import select
import sys
from pathlib import Path

from _faults.stream_teacher import Teacher
from _faults.taken import Checkpoint, newest, save, steps_of
from ac_bridge_client import ActorStream
from links.servant import orders, say

RUN = "kills"
CONNECT_S = 30.0


def main() -> None:
    """Go on from the last checkpoint."""
    uri, folder = sys.argv[1], Path(sys.argv[2])
    version, seed = int(sys.argv[3]), int(sys.argv[4])
    before = newest(folder)
    number = before.number
    with ActorStream(uri, position=before.position, connect_timeout_s=CONNECT_S) as stream:
        teacher = Teacher(stream, RUN, version, seed)
        say(begun=True)
        for batch in teacher.batches():
            number += 1
            save(folder, Checkpoint(number, stream.position(), list(steps_of(batch))))
            if asked():
                order = next(orders())
                break
            stream.commit()
        if "gap" in order:
            say(gap=True)
            next(orders())  # which never come
        stream.commit()
        rest = list(teacher.finish(int(batch.number[-1])))
        save(folder, Checkpoint(number + 1, stream.position(), rest))
        stream.commit()
        status = stream.stats().actors[0].run
        say(last=0 if status is None else status.last)


def asked() -> bool:
    """Whether there is an order."""
    ready, _, _ = select.select([sys.stdin], [], [], 0)
    return bool(ready)


if __name__ == "__main__":
    main()
