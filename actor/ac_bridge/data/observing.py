"""Observations made anew from recorded frames, as an actor would have made them."""

from __future__ import annotations

from pathlib import Path

from ac_bridge.game import NEUTRAL, Controls
from ac_bridge.telemetry.observation import Look, ObservationPlan, Observer
from ac_bridge.track.keeper import TrackKeeper
from ac_bridge.track.library import TrackLibrary
from ac_bridge_protocol.errors import SettingError
from ac_bridge_protocol.frame import GameStatics, TelemetryFrame
from ac_bridge_protocol.wire import trusted


class Observing:
    """Observes one episode after another.

    What happened between the recorded frames of an episode (ticks without a step) counts as the
    frame before it, where an observation looks back.

    Args:
        plan: of the observation.
        game_dir: the game's folder, for features that need the track's files; None looks for it.
    """

    def __init__(self, plan: ObservationPlan, game_dir: Path | None) -> None:
        self.plan = plan
        self._keeper = TrackKeeper(lambda: TrackLibrary(game_dir))
        self._observer = Observer(plan)
        self._statics: GameStatics | None = None

    def begin(
        self, frame: TelemetryFrame, statics: GameStatics
    ) -> tuple[TelemetryFrame, tuple[float, ...]]:
        """Observe the first frame of an episode; see `see`.

        Raises:
            SettingError: the observation needs the track's files, and there are none.
        """
        self._observer = Observer(self.plan)
        self._statics = statics
        return self.see(frame, NEUTRAL)

    def see(
        self, frame: TelemetryFrame, sent: Controls, missed: int = 0
    ) -> tuple[TelemetryFrame, tuple[float, ...]]:
        """Observe the next frame.

        Args:
            frame: as recorded.
            sent: what the wheel was sent until then.
            missed: ticks that are not recorded just before it.

        Returns:
            The frame, with the car's place on the track if the observation needs that; and the
            observation.
        """
        placed = self._placed(frame) if self.plan.needs_road else frame
        return placed, self._observer.see(Look(placed, sent, self._keeper.track), missed)

    def _placed(self, frame: TelemetryFrame) -> TelemetryFrame:
        assert self._statics is not None  # noqa: S101 -- begin has set them
        values = dict(frame.__dict__)
        self._keeper.place(values, self._statics, launches=0)
        if self._keeper.track is None:
            raise SettingError(
                f"The observation {self.plan.name} needs the files of the track "
                f"{self._statics.track}. {self._keeper.why}",
                setting="game_dir",
                hint="Name the game's folder with --game-dir, or export as it was recorded.",
            )
        return trusted(TelemetryFrame, values)
