"""Readers for recordings by other tools: one module per kind of file, each tolerant of any content."""
