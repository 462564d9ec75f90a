"""Pure functions that judge recorded exchanges and return verdicts. Nothing here sends or reads a clock.

    Exchange(s) ──> check ──> Problem ──> Finding ──> Result per requirement ──> report

A check is a requirement's id beside a function (:mod:`judgement.check`), one on both sides of a proxy likewise
(:mod:`judgement.pairs`). :mod:`judgement.score` has the only verdict rule there is.
"""
