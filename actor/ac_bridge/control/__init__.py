"""From what a driver wants to what the wheel does. Pure: no clock, no device."""
