"""A mock server that SDKs cannot distinguish from the real API; it publishes its true write times and commits faults on
demand.

A request runs through admission (:mod:`mock_server.admission`), the planner (pure, seeded), a schedule of absolute
offsets known before the first byte, the renderer of its format (:mod:`mock_server.formats`), the deviations, if any,
and the scheduler (one heap, one timer), which stamps every write for the journal. ``python -m
echosounder.mock_server`` serves; :func:`mock_server.net.process.spawn` runs it beside a test.
"""
