"""Golden transcripts of the protocol, what writes them, and the tests that hold code against them."""
