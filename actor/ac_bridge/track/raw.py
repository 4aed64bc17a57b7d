"""What the files of a track say, before anything is cleaned."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True, slots=True)
class Surface:
    """A kind of ground, from ``surfaces.ini``."""

    key: str
    """Part of the names of the meshes that are made of it."""
    friction: float
    """Grip multiplier, about 0.6 (grass) to 1 (road)."""
    is_valid_track: bool
    """Whether a tyre on it counts as on the track."""
    is_pitlane: bool
    """Whether it is the pit lane."""


@dataclasses.dataclass(frozen=True, slots=True)
class TrackDetails:
    """What ``ui_track.json`` says, as free text; empty where it says nothing."""

    name: str = ""
    description: str = ""
    country: str = ""
    city: str = ""
    length_text: str = ""
    width_text: str = ""
    pitboxes_text: str = ""
    run_text: str = ""
    author: str = ""
    version: str = ""


@dataclasses.dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class RawTrack:
    """A track's files."""

    name: str
    """Folder of the track; for a lone file, its name."""
    layout: str = ""
    """Folder of the layout; empty if the track has none."""
    line_xyz_m: Floats
    """The racing line, float64[N, 3], world axes (y up), in driving order."""
    speed_m_s: Floats | None = None
    """At each point, of the lap that was recorded as the line; None if the file ends before it."""
    side_left_m: Floats | None = None
    """At each point, metres from the line to the left edge; None if the file ends before it."""
    side_right_m: Floats | None = None
    """At each point, metres from the line to the right edge; None if the file ends before it."""
    edge_left_xz_m: Floats | None = None
    """The left edge, float64[K, 2], from ``side_l.csv``; None without that file."""
    edge_right_xz_m: Floats | None = None
    """The right edge, float64[K, 2], from ``side_r.csv``; None without that file."""
    surfaces: tuple[Surface, ...] = ()
    """The kinds of ground, in the order of the file."""
    details: TrackDetails = TrackDetails()
    """What the menu says about the track."""
    notes: tuple[str, ...] = ()
    """What was missing or passed over, in sentences."""
