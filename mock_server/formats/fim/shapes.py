"""The types of request bodies, field by field. Fact sheet 4.1."""

from functools import cache

from echosounder.mock_server.admission.serde import Shape, boolean, integer, string
from echosounder.mock_server.formats.sampling import SAMPLING, known

FIM = Shape.of(
    {"model": string, "prompt": string}, {**SAMPLING, "echo": boolean, "logprobs": integer(8), "suffix": string}
)


@cache
def shape(profile: str) -> Shape:
    return known(FIM, profile)
