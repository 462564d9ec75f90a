"""Admission of requests: key, media type, JSON, types, ranges, money, limits; and the refusals."""
