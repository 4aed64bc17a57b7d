"""The relay as a process: where actors that nobody can reach meet learners. A thin shell."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
from collections.abc import Callable

import structlog

from ac_bridge.clock import Clock, SystemClock
from ac_bridge.machine.loops import run_on_best_loop, stop_on_signals
from ac_bridge.net.addresses import is_loopback, networks
from ac_bridge.net.gate import Gate, GateLimits
from ac_bridge.net.listening import listen
from ac_bridge.net.tls import ServerTls
from ac_bridge.net.token_file import TokenKeeper
from ac_bridge.net.tokens import Grant, TokenBook
from ac_bridge.pacing import Ticker
from ac_bridge.relay.house import RelayHouse
from ac_bridge.relay.settings import RelaySettings
from ac_bridge_protocol.errors import ACBridgeError, SettingError

log = structlog.get_logger()

HOUSEKEEPING_HZ = 4.0
"""How often silent actors and waiting learners, who wait for seconds, are looked after."""

LOOKS_PER_FILE_LOOK = 4
"""Tokens and certificate are looked at once in so many times: once a second."""

GOODBYE_S = 1.0
"""How long parked actors get to read the last words before their connections are cut."""

_LOOK_S = 0.05
"""From one look whether they have, to the next."""

PER_ADDRESS = 1024
"""Connections of one address at once: a lab's hundred gaming PCs behind one router, or a cluster's
learners, each with a few."""

SPARE_FILES = 128
"""Files that a process needs beside those of its connections."""


class RelayApp:
    """The relay, until `stop`.

    Args:
        gate: counts who comes.
        tokens: who may park and who may list.
        host: the address to listen on.
        port: the port; 0 takes a free one, told to ``on_ready``.
        tls: who we are; None listens unencrypted.
        on_ready: called with the port once actors and learners can connect.
        clock: the machine's own unless given; closed at the end.

    Attributes:
        house: who is there.
    """

    def __init__(
        self,
        gate: Gate,
        tokens: TokenKeeper,
        *,
        host: str,
        port: int,
        tls: ServerTls | None = None,
        on_ready: Callable[[int], None] = lambda _: None,
        clock: Clock | None = None,
    ) -> None:
        self._clock = clock or SystemClock()
        self._host = host
        self._port = port
        self._tls = tls
        self._on_ready = on_ready
        self._stopping = asyncio.Event()
        self.house = RelayHouse(self._clock, gate, tokens)

    def stop(self) -> None:
        """End `run` in good order."""
        self._stopping.set()

    async def run(self) -> None:
        """Relay until `stop` or cancellation.

        Raises:
            SettingError: the address cannot be listened on.
        """
        with contextlib.closing(self._clock):
            listening = await listen(self.house, self._host, self._port, self._tls)
            async with asyncio.TaskGroup() as tasks:
                keeping = tasks.create_task(self._keep_house(), name="housekeeping")
                self._on_ready(listening.port)
                try:
                    await self._stopping.wait()
                    listening.close()  # who is told that it ends comes back at once
                    await self._say_goodbye()
                finally:
                    listening.close()
                    keeping.cancel()
                    self.house.abort()

    async def _keep_house(self) -> None:
        looks = 0
        async for _ in Ticker(HOUSEKEEPING_HZ, self._clock):
            self.house.look_after(self._clock.now())
            looks += 1
            if looks % LOOKS_PER_FILE_LOOK == 0:
                self.house.look_at_tokens()
                if self._tls is not None:
                    self._tls.refresh()
                    self._tls.warn_in_time(self._clock.wall())

    async def _say_goodbye(self) -> None:
        self.house.say_goodbye()
        until_s = self._clock.now() + GOODBYE_S
        while self.house.open and self._clock.now() < until_s:
            await self._clock.wait_until(self._clock.now() + _LOOK_S)


def run_relay(settings: RelaySettings, on_ready: Callable[[int], None]) -> None:
    """Run a relay until Ctrl+C or SIGTERM.

    Raises:
        ACBridgeError: a setting cannot be used, or the address not listened on.
    """

    def ready(port: int) -> None:
        # What was made until now stays: a full collection need not look at it again.
        gc.collect()
        gc.freeze()
        on_ready(port)

    async def main() -> None:
        app = relay_from(settings, ready)
        stop_on_signals(app.stop)
        await app.run()

    allow_files(2 * settings.connections + SPARE_FILES)
    try:
        run_on_best_loop(main())
    except* ACBridgeError as group:
        raise group.exceptions[0] from None


def relay_from(settings: RelaySettings, on_ready: Callable[[int], None]) -> RelayApp:
    """Return the relay that the settings ask for.

    Raises:
        SettingError: one of them cannot be used.
    """
    secrets = {"park": settings.park_token, "list": settings.list_token}
    fixed = TokenBook.of(
        **{grant: token.get_secret_value() for grant, token in secrets.items() if token is not None}
    )
    tokens = TokenKeeper(settings.token_file, fixed)
    tls = None
    if settings.tls_cert is not None and settings.tls_key is not None:
        tls = ServerTls(settings.tls_cert, settings.tls_key)
        tls.introduce()
    _check_safe(settings, tokens.book, encrypted=tls is not None)
    limits = GateLimits(
        connections=settings.connections, per_address=min(PER_ADDRESS, settings.connections)
    )
    return RelayApp(
        Gate(limits, networks(settings.trusted_proxies)),
        tokens,
        host=settings.host,
        port=settings.port,
        tls=tls,
        on_ready=on_ready,
    )


def _check_safe(settings: RelaySettings, book: TokenBook, *, encrypted: bool) -> None:
    host, behind_a_proxy = settings.host, bool(settings.trusted_proxies)
    asks = bool(book.digests(Grant.PARK))
    if not asks and (behind_a_proxy or not is_loopback(host)):
        what = "A relay behind a proxy" if behind_a_proxy else host
        raise SettingError(
            f"{what} is reachable from other machines, and this relay has no park token to tell "
            "which actors may park.",
            setting="trusted_proxies" if behind_a_proxy else "listen",
            hint="Make one (ac-bridge token new --for park --file tokens.txt) and add "
            "--token-file tokens.txt; or listen on 127.0.0.1.",
        )
    if not asks:
        log.warning("no park token: whoever reaches this port may park an actor")
    if not encrypted and not is_loopback(host):
        log.warning(
            "not encrypted: tokens can be read on the way, unless something in front ends TLS",
            hint="Add --tls-cert and --tls-key.",
        )


def allow_files(count: int) -> None:
    """Let this process have so many files and connections, as far as the system allows it."""
    if sys.platform != "win32":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            except (OSError, ValueError):  # macOS has another limit beside what it says
                wanted = soft
        if wanted < count:
            log.warning(
                "fewer files than connections", files=wanted, hint=f"Allow {count} (ulimit -n)."
            )
