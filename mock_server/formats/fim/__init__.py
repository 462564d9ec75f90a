"""Fill-in-the-middle (FIM) completions, in the shape of the older completions."""

from echosounder.mock_server.formats.fim.edits import EDITS
from echosounder.mock_server.formats.fim.prompt import read
from echosounder.mock_server.formats.fim.render import RENDER
from echosounder.mock_server.formats.fim.rules import RULES
from echosounder.mock_server.formats.fim.shapes import shape
from echosounder.mock_server.formats.format import Format

FORMAT = Format("fim", shape, RULES, read, RENDER, EDITS)
