"""Page bytes to a typed frame, and a frame to an observation. Pure: no clock, no device."""
