"""The guardian: a small process that sets the wheel neutral once the actor's own process is gone.

A process that is killed cannot tidy up after itself, and some wheels stay as they were left. So the
actor starts a child that waits for the end of a pipe which only the actor holds the other end of:
however the actor ends, the system closes it. `keeper` is the actor's side, `__main__` the child,
`takeover` what the child decides. `restarts` decides whether an actor that died is started again.

Nothing is imported here: the child has to be small and quick to start.
"""
