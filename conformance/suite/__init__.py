"""The conformance suite as pytest collects it: ``pytest --pyargs echosounder.conformance.suite --echo-target URL``."""
