"""The DeepSeek HTTP API as data, with one small accessor per kind of data.

``formats/`` holds the wire formats, ``vendors/<vendor>/`` the OpenAPI document, its dated profiles, their limits, behaviour
and prices; ``requirements/`` what an endpoint is held to. Nothing here sends, waits or judges. ``python -m echosounder.specs``
checks all of it and names file and line of what is broken.
"""

from echosounder.specs.attaching import Attachments, attachments
from echosounder.specs.behaviours import Behaviour, Refusal, behaviour
from echosounder.specs.bounds import Limits, limits, models
from echosounder.specs.catalogue import Requirement, Source, requirement, requirements
from echosounder.specs.clients import ClientRequest, client_requests
from echosounder.specs.documents import document
from echosounder.specs.grammar import Grammar, grammars, under
from echosounder.specs.known import demand
from echosounder.specs.lines import SpecError
from echosounder.specs.prices import (
    Price,
    Rates,
    UnknownPriceError,
    UsePrice,
    caution,
    price,
    rates_ahead,
    use_price,
    use_prices,
)
from echosounder.specs.remedies import Directive, Remedy, remedy
from echosounder.specs.vendors import DEFAULT_PROFILE, PROFILES, Profile, profile

__all__ = [
    "DEFAULT_PROFILE",
    "PROFILES",
    "Attachments",
    "Behaviour",
    "ClientRequest",
    "Directive",
    "Grammar",
    "Limits",
    "Price",
    "Profile",
    "Rates",
    "Refusal",
    "Remedy",
    "Requirement",
    "Source",
    "SpecError",
    "UnknownPriceError",
    "UsePrice",
    "attachments",
    "behaviour",
    "caution",
    "client_requests",
    "demand",
    "document",
    "grammars",
    "limits",
    "models",
    "price",
    "profile",
    "rates_ahead",
    "remedy",
    "requirement",
    "requirements",
    "under",
    "use_price",
    "use_prices",
]
