"""A replay as a process: the actor's own, around a recording."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from ac_bridge.machine.loops import run_on_best_loop, stop_on_signals
from ac_bridge.replay.stage import ReplayStage
from ac_bridge.replay.tape import Tape
from ac_bridge.server.app import ActorApp, terms_from
from ac_bridge.server.reach import reach_from
from ac_bridge.settings import ActorSettings
from ac_bridge_protocol.errors import ACBridgeError

log = structlog.get_logger()


def run_replay(
    stage: ReplayStage, settings: ActorSettings, on_ready: Callable[[int], None]
) -> None:
    """Serve a recording until Ctrl+C or SIGTERM, or its end if it is played once.

    Args:
        stage: the recording, and how it is played.
        settings: who may come in, and from where; nothing else of them counts.
        on_ready: called with the port once clients can connect.

    Raises:
        ACBridgeError: the address cannot be listened on, or the recording is damaged.
    """
    reach = reach_from(settings)
    reach.log_terms(settings.host)
    log_contents(stage.tape)

    async def main() -> None:
        app = ActorApp(
            stage,
            host=settings.host,
            port=settings.port,
            on_ready=on_ready,
            terms=terms_from(settings),
            reach=reach,
        )
        stage.manner.on_end = app.stop
        stop_on_signals(app.stop)
        await app.run()

    try:
        run_on_best_loop(main())
    except* ACBridgeError as group:
        raise group.exceptions[0] from None


def log_contents(tape: Tape) -> None:
    """Log what there is to be played, and what is missing."""
    recording = tape.recording
    log.info(
        "replay",
        recording=str(recording.path),
        episodes=0 if tape.made_up else len(tape.episodes),
        recorded_by=recording.about.get("recorded_by", "unknown"),
        started=recording.about.get("started", "unknown"),
    )
    if tape.made_up and tape.episodes:
        log.info("no steps were recorded: they are made of the frames", hz=tape.spec.control_hz)
    if not recording.whole:
        log.warning(
            "the recording was cut off; it is played up to there", lost_bytes=recording.lost_bytes
        )
    if tape.dropped:
        log.warning("the recorder was behind, and left some records out", dropped=tape.dropped)
