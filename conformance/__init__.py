"""Is an endpoint compatible? Probes ask (and cost money), checks judge (and are free), the score is a function of the log.

    requirement ── names ──> probe ──> runner ──> Exchange ──> check ──> Finding ──> Result ──> report

Probes and checks are pure; only :mod:`conformance.runner` opens sockets and reads a clock, only :mod:`conformance.engine` writes files.
"""
