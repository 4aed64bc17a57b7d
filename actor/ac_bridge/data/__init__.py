"""What becomes of a recording: tables, datasets, and a report to look at.

Needs the extra ``data`` for what it writes, and imports that only when it is needed.
"""
