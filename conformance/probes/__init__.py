"""The probes, a module per feature. Importing this package imports all of them, and that registers what they have."""

import importlib
import pkgutil

for each in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{each.name}")
