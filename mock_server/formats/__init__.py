"""The wire grammars that the mock speaks. Written apart from :mod:`wire.formats`: only the facts in `specs` are shared."""
