"""The edge: the policy runs beside the game, and what it lives through goes to the learner.

`spool` keeps transitions on the disk until the learner has acknowledged them, and `spool_file` is
the file below it. `waiting` decides what is written when, and `keeper` is the thread that does so.
"""
