"""A client judged by running it: a command, once per scenario, against a mock that is honest, legal in another way, or at fault.

    scenario ──> mock ──> command (its process group, its outputs, its time) ──> ClientRun + Exchange(s) ──> :mod:`judgement.client`

``drivers/`` holds commands for the usual SDKs, and the contract for others. Only :mod:`~conformance.client.launch` starts processes.
"""
