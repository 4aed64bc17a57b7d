"""Recordings: what was driven and what was said, in MCAP files that any tool for them opens."""

from ac_bridge_recording.reader import Recording
from ac_bridge_recording.recorder import Recorder, RecordingStats

__all__ = ["Recorder", "Recording", "RecordingStats"]
