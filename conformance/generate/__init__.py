"""Requests by the thousand: bodies that are legal (:mod:`~conformance.generate.requests`), and bodies just inside and just
outside of every bound of the document (:mod:`~conformance.generate.boundaries`).

Offline they are hypothesis strategies, with shrinking. A live target gets a fixed, seeded corpus: nothing is ever shrunk
against it, and the same seed asks the same questions.
"""
