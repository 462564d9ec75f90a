"""The checks, a module per area. Importing this package registers all of them."""

from conformance.checks import chunks, framing, schemas, usage

__all__ = ["chunks", "framing", "schemas", "usage"]
