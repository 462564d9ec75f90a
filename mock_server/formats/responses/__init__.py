"""Responses."""

from echosounder.mock_server.formats.format import Format
from echosounder.mock_server.formats.responses.edits import EDITS
from echosounder.mock_server.formats.responses.prompt import read
from echosounder.mock_server.formats.responses.render import RENDER
from echosounder.mock_server.formats.responses.rules import RULES
from echosounder.mock_server.formats.responses.shapes import shape

FORMAT = Format("responses", shape, RULES, read, RENDER, EDITS)
