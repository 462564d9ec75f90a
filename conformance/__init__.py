"""Is an endpoint compatible? Probes ask (and cost money), checks judge (and are free), the score is a function of the log.

    requirement ── names ──> probe ──> runner ──> Exchange ──> check ──> Finding ──> Result ──> report

Probes and checks are pure. :mod:`conformance.http_sender` opens the sockets, :mod:`conformance.probe_sender` writes the log.
"""
