// Driver: the official SDK of OpenAI for Node, used as its README does.
import OpenAI from "openai";

const { ECHO_USE: use, ECHO_PROMPT: prompt, ECHO_MODEL: model, ECHO_TIMEOUT_S: seconds } = process.env;
const client = new OpenAI({ timeout: seconds * 1000 }); // base URL and key are in OPENAI_BASE_URL and OPENAI_API_KEY
const city = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const tools = [{ type: "function", function: { name: "get_weather", description: "Weather", parameters: city } }];
const say = (content) => [{ role: "user", content }];

async function document(messages, more = {}) {
  const choice = (await client.chat.completions.create({ model, messages, ...more })).choices[0];
  return { ...choice.message, finish: choice.finish_reason };
}

async function stream(messages, more = {}) {
  const whole = { role: "assistant", content: "", finish: null };
  const calls = [];
  for await (const chunk of await client.chat.completions.create({ model, messages, stream: true, ...more })) {
    for (const { delta, finish_reason } of chunk.choices) {
      whole.content += delta.content ?? "";
      if (delta.reasoning_content) whole.reasoning_content = (whole.reasoning_content ?? "") + delta.reasoning_content;
      for (const part of delta.tool_calls ?? []) {
        const call = (calls[part.index] ??= { id: part.id, type: "function", function: { name: "", arguments: "" } });
        call.function.name ||= part.function?.name ?? "";
        call.function.arguments += part.function?.arguments ?? "";
      }
      whole.finish = finish_reason || whole.finish;
    }
  }
  return calls.length ? { ...whole, tool_calls: calls.filter(Boolean) } : whole;
}

async function withTools(ask) {
  const { finish, ...first } = await ask(say(prompt), { tools });
  const told = first.tool_calls.map((call) => ({ name: call.function.name, arguments: JSON.parse(call.function.arguments) }));
  const results = first.tool_calls.map(({ id }, place) => ({
    role: "tool", tool_call_id: id, content: `24 degrees in ${told[place].arguments.city}`,
  }));
  return { ...(await ask([...say(prompt), first, ...results], { tools })), calls: told };
}

const textOf = (number) => stream(say(`${prompt} (${number})`)).then((answer) => answer.content, () => null);

async function abort() {
  const events = await client.chat.completions.create({ model, messages: say(prompt), stream: true });
  for await (const _ of events) break; // the README: breaking out of the loop gives the stream up
  await new Promise((resolve) => setTimeout(resolve, 1000));
  return { aborted: true };
}

async function main() {
  if (use === "parallel") return { texts: await Promise.all([0, 1, 2, 3].map(textOf)) };
  if (use === "abort") return abort();
  const uses = {
    chat: () => document(say(prompt)),
    stream: () => stream(say(prompt)),
    json: () => document(say(prompt), { response_format: { type: "json_object" } }),
    tools: () => withTools(document),
    "tools-stream": () => withTools(stream),
  };
  if (!uses[use]) process.exit(64);
  const answer = await uses[use]();
  return { text: answer.content, calls: answer.calls ?? [], finish: answer.finish };
}

try {
  console.log(JSON.stringify(await main()));
} catch (error) {
  console.error(`${error.constructor.name}: ${error.message}`);
  process.exit(1);
}
