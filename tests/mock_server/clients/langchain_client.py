"""langchain-deepseek drives the mock; prints what it understood as one JSON object. Usage: python langchain_client.py URL"""

import json
import sys
from collections.abc import Callable

import openai
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_deepseek import ChatDeepSeek


@tool
def weather(city: str) -> str:
    """Weather of a city"""
    return f"24 degrees in {city}"


def model(key: str = "sk-test-0000000000", thinking: str = "enabled") -> ChatDeepSeek:
    switch = {"thinking": {"type": thinking}}
    return ChatDeepSeek(model="deepseek-v4-flash", api_base=sys.argv[1], api_key=key, max_retries=0, extra_body=switch)


def round_trip(thinking: str) -> tuple[AIMessage, AIMessage]:
    """A call, and the answer to its result."""
    asked, bound = [HumanMessage("What is the weather in Paris?")], model(thinking=thinking).bind_tools([weather])
    first = bound.invoke(asked)
    results = [ToolMessage(weather.invoke(call["args"]), tool_call_id=call["id"]) for call in first.tool_calls]
    return first, bound.invoke([*asked, first, *results])


def refusal(run: Callable[[], object]) -> int:
    try:
        run()
    except openai.APIStatusError as caught:
        return caught.status_code
    return 0


def main() -> None:
    chat = model().invoke("Repeat exactly: 你好 👩‍👩‍👧")
    streamed = list(model().stream("Repeat exactly: 你好 👩‍👩‍👧"))
    first, second = round_trip("disabled")
    as_json = model().bind(response_format={"type": "json_object"})
    shaped = as_json.invoke('Answer in json like {"river": "Nile"}. Which is the longest river?')
    print(
        json.dumps(
            {
                "chat": chat.content,
                "reasoned": bool(chat.additional_kwargs.get("reasoning_content")),
                "usage": chat.usage_metadata["total_tokens"],
                "streamed": "".join(chunk.content for chunk in streamed),
                "calls": [call["args"] for call in first.tool_calls],
                "answer": second.content,
                "json": list(json.loads(shaped.content)),
                "wrong_key": refusal(lambda: model("sk-invalid-1234").invoke("x")),
                # It does not send reasoning_content back, which the API wants with calls made while thinking.
                "thinking_round_trip": refusal(lambda: round_trip("enabled")),
            }
        )
    )


main()
