"""Plays a transcript: a real actor, door and all, whose learners and whose time do as it says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import orjson
from structlog.testing import capture_logs
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from ac_bridge.control.late import LatePolicy
from ac_bridge.control.smoothing import smoothing_named
from ac_bridge.net.door import QUIET, Door, Place
from ac_bridge.net.gate import Gate, GateLimits
from ac_bridge.net.token_file import TokenKeeper
from ac_bridge.net.tokens import TokenBook
from ac_bridge.pacing import Ticker
from ac_bridge.replay.broken import BreakablePages, BreakableWheel
from ac_bridge.replay.masks import Masking
from ac_bridge.replay.still import MemoryTransport, StillClock, StillLoop
from ac_bridge.replay.still_spool import StillSpool, load_still
from ac_bridge.replay.transcript import (
    ActorDoes,
    ActorTerms,
    Advance,
    Came,
    Closed,
    Cut,
    Done,
    Dropped,
    GameDoes,
    HangUp,
    Head,
    In,
    Open,
    Opened,
    Out,
    PageSays,
    Raw,
    Reads,
    Transcript,
    TurnedAway,
    WheelDoes,
    joined,
)
from ac_bridge.rig import Rig, RigSettings
from ac_bridge.server.actor import Actor
from ac_bridge.server.app import TIMES_HZ
from ac_bridge.server.house import Access, ActorHouse
from ac_bridge.server.lease import Terms
from ac_bridge.server.teaching import Teaching
from ac_bridge.standin import StandinGame
from ac_bridge.standin.layouts import circuit_named
from ac_bridge_protocol.codec import JSON
from ac_bridge_protocol.errors import RecordingError

PIECE_S = 1.0 / 256.0
"""After each thing that a learner does so much time goes on: some turns of whoever does not drive,
and exact in binary, so that times in transcripts are easy to read."""

FIRST_PORT = 50_000
"""Of the learners' connections, which count from it: the actor names them in what it says."""


def play(head: Head, done: Iterable[Done]) -> Transcript:
    """Do again what learners and the world did, and return it with what comes of it now.

    Args:
        head: which actor to make.
        done: the lines to do.

    Raises:
        RecordingError: a line cannot be done.
        SettingError: the head asks for an actor that there cannot be.
    """
    loop = StillLoop(StillClock())
    try:
        scene = Scene(head, loop)
        with capture_logs():
            loop.run_until_complete(scene.play(joined(done)))
    finally:
        loop.close()
    return Transcript(head, tuple(scene.lines))


class Scene:
    """An actor, and those who talk to it.

    Args:
        head: which actor.
        loop: in which all of them live.

    Attributes:
        lines: what was done and what came of it.
    """

    def __init__(self, head: Head, loop: StillLoop) -> None:
        terms = head.actor
        self._head = head
        self._loop = loop
        self._clock = loop.still
        self._masking = Masking(head.masks)
        self._game = StandinGame(
            lockstep=terms.lockstep,
            seed=terms.seed,
            gearbox=terms.gearbox,
            circuit=circuit_named(terms.track),
            clock=None if terms.lockstep else self._clock,
        )
        self._wheel = BreakableWheel(self._game.wheel)
        self._game.wheel = self._wheel
        self._pages = BreakablePages(self._game.pages)
        self._game.pages = self._pages
        self._rig = Rig(self._game, _rig_settings(terms))
        limits = GateLimits(connections=terms.connections, per_address=terms.per_address)
        self._gate = Gate(limits)
        self._access = Access(TokenKeeper(None, _tokens(terms)))
        self._links: dict[str, Link] = {}
        self._coming: list[Came] = []
        self.lines: list[Done | Came] = []

    async def play(self, done: Iterable[Done]) -> None:
        """Do all of it.

        Raises:
            RecordingError: a line cannot be done.
            BaseExceptionGroup: the actor broke down.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                terms = self._head.actor
                lent = Terms(terms.grace_s, terms.spectators, terms.takeover_key)
                self._actor = Actor(self._rig, self._clock, tasks, terms=lent)
                if terms.spool_records:
                    spool = StillSpool(terms.spool_records)
                    self._actor.teaching = Teaching(self._actor, spool, load_still)
                self._house = ActorHouse(self._actor, self._clock, self._gate, self._access)
                running = []
                if terms.keeps_time:
                    running.append(tasks.create_task(self._keep_time()))
                if not terms.lockstep:
                    running.append(tasks.create_task(self._sample()))
                try:
                    await self._loop.settle()
                    if terms.driven_before:
                        await self._drive_before()
                    for line in done:
                        self.lines.append(line)
                        await self._do(line)
                        self._settle_lines()
                finally:
                    self._actor.close()
                    for task in running:
                        task.cancel()
                    for link in self._links.values():
                        link.transport.cut()
        except* RecordingError as group:
            raise group.exceptions[0] from None
        finally:
            self._rig.close()

    async def _drive_before(self) -> None:
        """Let somebody drive a step, so that the actor knows its game."""
        name = "before"
        action = [0.0] * len(self._rig.format.components)
        said: list[dict[str, Any]] = [
            {"type": "hello", "client": name},
            {"type": "reset", "id": 0, "seed": 0},
            {"type": "step", "id": 1, "action": action},
        ]
        await self._do(Open(link=name, offers=(JSON.subprotocol,)))
        for plain in said:
            await self._do(In(link=name, text=orjson.dumps(plain).decode()))
        await self._do(HangUp(link=name))
        del self._links[name]
        self._coming.clear()
        self._masking = Masking(self._head.masks)

    def _settle_lines(self) -> None:
        """Note what came of a line: link by link, as no two of them have an order that counts."""
        order = list(self._links)
        came: list[Came] = sorted(self._coming, key=lambda line: order.index(line.link))
        self.lines += came
        self._coming.clear()

    # --- What the actor's process does ------------------------------------------------------------

    async def _keep_time(self) -> None:
        async for _ in Ticker(TIMES_HZ, self._clock):
            self._actor.keep_time(self._clock.now())

    async def _sample(self) -> None:
        rig = self._rig
        stream = rig.telemetry_stream()
        async for _ in Ticker(rig.settings.telemetry_hz, rig.clock):
            frame = rig.try_sample(stream)
            rig.tend(frame)
            if frame is not None:
                self._actor.on_frame(frame)

    # --- What is done -----------------------------------------------------------------------------

    async def _do(self, line: Done) -> None:
        match line:
            case Advance(busy=True):
                await self._loop.stall(line.seconds)
            case Advance():
                await self._loop.advance(line.seconds)
            case Open() | Raw():
                self._connect(line)
            case GameDoes():
                self._do_to_game(line)
            case PageSays():
                self._pages.say(line.page, line.fields)
            case WheelDoes():
                self._wheel.does = line.does
            case ActorDoes(does="stop"):
                self._actor.close()
            case ActorDoes(does="stop_car"):
                self._actor.stop_car()
            case ActorDoes(does="let_drive"):
                self._actor.let_drive()
            case ActorDoes():
                self._access.tokens.book = TokenBook()
                self._actor.keep_out(self._access.still_good)
            case _:
                self._do_to_link(line)
        if not isinstance(line, Advance):
            await self._loop.advance(PIECE_S)

    def _connect(self, line: Open | Raw) -> None:
        if line.link in self._links:
            raise RecordingError(f"There were two links {line.link!r}.")
        port = FIRST_PORT + len(self._links)
        link = Link(self._loop, line, self._head, port, self._coming.append, self._masking)
        self._links[line.link] = link
        if not self._gate.arrive(line.address):
            link.drop()
            return
        link.meet(Door(self._house, Place(self._gate, line.address)), line)

    def _do_to_game(self, line: GameDoes) -> None:
        if line.does == "stall":
            self._game.stall(line.seconds)
        elif line.does == "relaunch":
            self._game.relaunch(self._head.actor.seed)
        elif line.does in ("vanish", "other", "return"):
            self._pages.does = line.does
        else:
            {
                "pause": self._game.pause,
                "resume": self._game.resume,
                "exit": self._game.exit,
                "crash": self._game.crash,
            }[line.does]()

    def _do_to_link(self, line: In | Cut | HangUp | Reads) -> None:
        link = self._links.get(line.link)
        if link is None:
            raise RecordingError(f"No link {line.link!r} was opened before it said something.")
        match line:
            case In():
                payload = self._masking.unmask(line.payload, binary=line.binary)
                link.say(payload * line.times, line.messages, binary=line.binary)
            case Cut():
                link.cut()
            case HangUp():
                link.hang_up()
            case Reads():
                link.transport.read(line.reads)


class Link:
    """One learner's end of a connection.

    Args:
        loop: in which it lives.
        line: by which it came to be.
        head: of the transcript.
        port: of its end.
        came: is told what comes.
        masking: of what comes.
    """

    def __init__(
        self,
        loop: StillLoop,
        line: Open | Raw,
        head: Head,
        port: int,
        came: Callable[[Came], None],
        masking: Masking,
    ) -> None:
        self._name = line.link
        self._came = came
        self._masking = masking
        self._ended = False
        offers = line.offers if isinstance(line, Open) else None
        path = line.path if isinstance(line, Open) else "/"
        self._ws = ClientProtocol(
            parse_uri(f"ws://actor.test{path}"),
            subprotocols=[Subprotocol(one) for one in offers or (head.subprotocol,)],
            logger=QUIET,
        )
        address = line.address, port
        self.transport = MemoryTransport(loop, address, self._take, self._gone)

    def meet(self, door: Door, line: Open | Raw) -> None:
        """Come to the door, and say what is wanted."""
        self.transport.set_protocol(door)
        door.connection_made(self.transport)
        if isinstance(line, Raw):
            self.transport.feed(line.text.encode())
            return
        request = self._ws.connect()
        if line.offers == ():
            del request.headers["Sec-WebSocket-Protocol"]
        if not line.websocket:
            del request.headers["Upgrade"]
        for name, value in line.headers:
            request.headers[name] = value
        self._ws.send_request(request)
        self._flush()

    def say(self, payload: bytes, messages: int, *, binary: bool) -> None:
        """Send a message, so often. On a link that is closed it goes nowhere."""
        if self._ws.state is not State.OPEN:
            return
        for _ in range(messages):
            if binary:
                self._ws.send_binary(payload)
            else:
                self._ws.send_text(payload)
        self._flush()

    def hang_up(self) -> None:
        """Close in good order."""
        self._ended = True
        if self._ws.state is State.OPEN:
            self._ws.send_close(1000)
        self._flush()

    def cut(self) -> None:
        """Be gone without a word."""
        self._ended = True
        self.transport.cut()

    def drop(self) -> None:
        """There was no room even to be heard."""
        self._gone()

    def _take(self, data: bytes) -> None:
        self._ws.receive_data(data)
        for event in self._ws.events_received():
            if isinstance(event, Response):
                self._take_response(event)
            elif isinstance(event, Frame):
                self._take_frame(event)
        self._flush()

    def _take_response(self, response: Response) -> None:
        if response.status_code == 101:
            subprotocol = response.headers.get("Sec-WebSocket-Protocol", "")
            self._came(Opened(link=self._name, subprotocol=subprotocol))
            return
        self._ended = True
        headers = tuple(response.headers.raw_items())
        body = self._masking.mask_page(bytes(response.body or b"")).decode()
        self._came(
            TurnedAway(link=self._name, status=response.status_code, headers=headers, body=body)
        )

    def _take_frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.CLOSE:
            said = self._ws.close_rcvd
            assert said is not None  # noqa: S101 -- that is the frame
            if not self._ended:
                self._came(Closed(link=self._name, code=said.code, reason=said.reason))
            self._ended = True
        elif frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            binary = frame.opcode is Opcode.BINARY
            payload = self._masking.mask(bytes(frame.data), binary=binary)
            self._came(Out.of(self._name, payload, binary=binary))

    def _gone(self) -> None:
        if not self._ended:
            self._ended = True
            self._came(Dropped(link=self._name))

    def _flush(self) -> None:
        for data in self._ws.data_to_send():
            if data:
                self.transport.feed(data)
            else:
                self.transport.end_of_file()


def _rig_settings(terms: ActorTerms) -> RigSettings:
    return RigSettings(
        control_hz=terms.control_hz,
        telemetry_hz=terms.telemetry_hz,
        smoothing=smoothing_named(terms.smoothing),
        hold_s=terms.hold_s,
        late=LatePolicy(terms.late_hold_ticks, terms.late_brake),
        shifted_by=terms.gears,
    )


def _tokens(terms: ActorTerms) -> TokenBook:
    given = {"driver": terms.driver_token, "spectator": terms.spectator_token}
    return TokenBook.of(**{name: token for name, token in given.items() if token})
