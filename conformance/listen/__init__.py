"""Passive listening: a reverse proxy that changes nothing, and records the traffic as exchanges.

    sockets ── relay: forward, stamp ──> tape ── pipe ──> another process: assembly ──> Exchange

The relay only forwards. What costs time, parsing and judging, happens in the process that reads the tape, and a relay that is
killed loses no more of it than one flush.
"""
