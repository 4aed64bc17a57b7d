"""Attackers in a process of their own: as many at a time as an actor has places for, and more.

Run as `_abuse.attacker SEED`. Told ``inputs``, ``host`` and ``port``, it sends about as many there
and tells what was answered, by kind.
"""

from __future__ import annotations

import asyncio
import collections
import os
import random
import sys
from collections.abc import Iterator

from _abuse.attacks import KINDS, Attacker, Kind
from links.servant import orders, say

TOKEN_VARIABLE = "ABUSE_TOKEN"  # noqa: S105 -- where it is, not what
"""The variable with a spectator's token, which some of the attackers have."""
QUICK_AT_ONCE = 12
SLOW_AT_ONCE = 10
Tally = dict[str, collections.Counter[str]]


def plan(inputs: int, rng: random.Random, *, tokens: bool) -> tuple[list[Kind], list[Kind]]:
    """Return the attacks that make up so many inputs, the quick ones and the slow, in any order."""
    kinds = [kind for kind in KINDS if tokens or kind.name != "no token"]
    shares = sum(kind.share for kind in kinds)
    quick: list[Kind] = []
    slow: list[Kind] = []
    for kind in kinds:
        runs = -(-inputs * kind.share // (shares * kind.each))
        (slow if kind.slow else quick).extend([kind] * runs)
    rng.shuffle(quick)
    rng.shuffle(slow)
    return quick, slow


async def attack(by: Attacker, inputs: int) -> Tally:
    """Send so many hostile inputs; return what was answered."""
    tally: Tally = collections.defaultdict(collections.Counter)
    quick, slow = (iter(kinds) for kinds in plan(inputs, by.rng, tokens=bool(by.token)))
    async with asyncio.TaskGroup() as group:
        for _ in range(QUICK_AT_ONCE):
            group.create_task(_keep_at_it(by, quick, tally))
        for _ in range(SLOW_AT_ONCE):
            group.create_task(_keep_at_it(by, slow, tally))
    return tally


async def _keep_at_it(by: Attacker, kinds: Iterator[Kind], tally: Tally) -> None:
    for kind in kinds:
        tally[kind.name].update(await kind.run(by))


def give_way() -> None:
    """Take no time that another program wants: real attackers are on machines of their own."""
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def main() -> None:
    """Attack when told to."""
    give_way()
    rng = random.Random(sys.argv[1])  # noqa: S311
    token = os.environ.get(TOKEN_VARIABLE, "")
    say(ready=True)
    for order in orders():
        by = Attacker((order["host"], order["port"]), rng, token)
        say(tally=asyncio.run(attack(by, order["inputs"])))


if __name__ == "__main__":
    main()
