"""Golden transcripts of the protocol, what writes them, and what holds code against them."""
