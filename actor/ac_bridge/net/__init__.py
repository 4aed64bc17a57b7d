"""What every program of ours that listens or dials shares: tokens, TLS, the door, limits."""
