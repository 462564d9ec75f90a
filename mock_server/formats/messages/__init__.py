"""Messages, the format of Anthropic. Errors have the shape of chat's (deepseek-ai/awesome-deepseek-integration#598)."""

from echosounder.mock_server.formats.format import Format
from echosounder.mock_server.formats.messages.edits import EDITS
from echosounder.mock_server.formats.messages.prompt import read
from echosounder.mock_server.formats.messages.render import RENDER
from echosounder.mock_server.formats.messages.rules import RULES
from echosounder.mock_server.formats.messages.shapes import shape

FORMAT = Format("messages", shape, RULES, read, RENDER, EDITS, credentials=("authorization", "x-api-key"))
