"""Chat completions."""

from echosounder.mock_server.formats.chat.edits import EDITS
from echosounder.mock_server.formats.chat.prompt import read
from echosounder.mock_server.formats.chat.render import RENDER
from echosounder.mock_server.formats.chat.rules import RULES
from echosounder.mock_server.formats.chat.shapes import shape
from echosounder.mock_server.formats.format import Format

FORMAT = Format("chat", shape, RULES, read, RENDER, EDITS)
