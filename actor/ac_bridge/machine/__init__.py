"""The machine that the game runs on: what is there, what is missing, and how to set it up."""
