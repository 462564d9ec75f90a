"""What the DeepSeek HTTP API is, as data, and one small accessor per kind of data.

The document (``deepseek.openapi.yaml``) and its dated profiles, the requirements, the prices and the limits. Nothing
here sends, waits or judges. ``python -m echosounder.specs`` checks all of it and names file and line of what is broken.
"""

from echosounder.specs.bounds import Limits, limits, models
from echosounder.specs.catalogue import Requirement, Source, requirement, requirements
from echosounder.specs.documents import DEFAULT_PROFILE, PROFILES, Profile, document, profile
from echosounder.specs.lines import SpecError
from echosounder.specs.prices import Price, Rates, UnknownPriceError, price

__all__ = [
    "DEFAULT_PROFILE",
    "PROFILES",
    "Limits",
    "Price",
    "Profile",
    "Rates",
    "Requirement",
    "Source",
    "SpecError",
    "UnknownPriceError",
    "document",
    "limits",
    "models",
    "price",
    "profile",
    "requirement",
    "requirements",
]
