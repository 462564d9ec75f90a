// The official SDK of Anthropic for Node drives the mock. Usage: node anthropic.mjs URL
import Anthropic from "@anthropic-ai/sdk";
import { CITIES, ECHO, KEY, PARAMETERS, PIXEL, STRANGER, TEXT, equal, holds, refusal, tell } from "./features.mjs";

const [url] = process.argv.slice(2);
const options = { baseURL: `${url}/anthropic`, maxRetries: 0 };
const client = new Anthropic({ ...options, apiKey: KEY });
const model = "claude-opus-4-1";
const plain = { model, max_tokens: 500, thinking: { type: "disabled" } };
const thinks = { model, max_tokens: 2000, thinking: { type: "enabled", budget_tokens: 1024 } };
const tools = [{ name: "get_weather", description: "Weather of a city", input_schema: PARAMETERS }];
const say = (content) => [{ role: "user", content }];
const words = (message) => message.content.filter((block) => block.type === "text").map((block) => block.text).join("");
const uses = (message) => message.content.filter((block) => block.type === "tool_use");

async function trip(asked, keep = () => true) {
  const first = await client.messages.stream({ ...asked, messages: say(CITIES), tools }).finalMessage();
  const results = uses(first).map((use) => ({ type: "tool_result", tool_use_id: use.id, content: "24 degrees" }));
  const back = { role: "assistant", content: first.content.filter(keep) };
  return [first, await client.messages.create({ ...asked, messages: [...say(CITIES), back, ...say(results)], tools })];
}

await tell({
  text: async () => equal(words(await client.messages.create({ ...plain, messages: say(ECHO) })), TEXT),
  stream: async () => {
    const stream = client.messages.stream({ ...plain, messages: say(ECHO) });
    const kinds = [];
    for await (const event of stream) kinds.push(event.type);
    equal(words(await stream.finalMessage()), TEXT);
    equal([kinds[0], kinds.at(-1)], ["message_start", "message_stop"]);
  },
  usage: async () => {
    const whole = (await client.messages.create({ ...plain, messages: say(ECHO) })).usage;
    const streamed = (await client.messages.stream({ ...plain, messages: say(ECHO) }).finalMessage()).usage;
    const all = (usage) => usage.input_tokens + usage.cache_read_input_tokens + usage.cache_creation_input_tokens;
    equal([all(streamed), streamed.output_tokens], [all(whole), whole.output_tokens]);
  },
  thinking: async () => {
    const message = await client.messages.stream({ ...thinks, messages: say(ECHO) }).finalMessage();
    equal(message.content.map((block) => block.type), ["thinking", "text"]);
    equal(message.content[0].signature, message.id);
  },
  calls: async () => {
    const message = await client.messages.create({ ...plain, messages: say(CITIES), tools });
    equal(uses(message).map((use) => use.input), [{ city: "Paris" }, { city: "Tokyo" }]);
    equal(message.stop_reason, "tool_use");
  },
  "calls and results": async () => {
    const [, second] = await trip(thinks);
    holds(words(second).includes("24 degrees"), "no answer");
    equal(await refusal(() => trip(thinks, (block) => block.type !== "thinking")), ["BadRequestError", 400]);
  },
  "forced call": async () => {
    const tool_choice = { type: "tool", name: "get_weather" };
    equal(uses(await client.messages.create({ ...plain, messages: say("Hi"), tools, tool_choice }))[0].name, "get_weather");
  },
  "cut short": async () => {
    const message = await client.messages.create({ ...plain, max_tokens: 5, messages: say("Write a long essay.") });
    equal([message.stop_reason, message.usage.output_tokens], ["max_tokens", 5]);
  },
  "stop sequences": async () => {
    const asked = { ...plain, messages: say("Say 'one two three'"), stop_sequences: [" two"] };
    const message = await client.messages.stream(asked).finalMessage();
    equal([message.stop_reason, message.stop_sequence], ["stop_sequence", " two"]);
  },
  images: async () => {
    const image = { type: "image", source: { type: "base64", media_type: "image/png", data: PIXEL } };
    const asked = { ...plain, model: "claude-haiku-4-5" };
    const seen = await client.messages.create({ ...asked, messages: say([image, { type: "text", text: "What is it?" }]) });
    const blind = await client.messages.create({ ...asked, messages: say("What is it?") });
    holds(seen.usage.input_tokens > blind.usage.input_tokens, "the image counts nothing");
  },
  "ignored members": async () => {
    const system = [{ type: "text", text: "Be brief.", cache_control: { type: "ephemeral" } }];
    const more = { system, metadata: { user_id: "u" }, service_tier: "auto", top_k: 5 };
    equal(words(await client.messages.create({ ...plain, messages: say(ECHO), ...more })), TEXT);
  },
  "key as Bearer": async () => {
    const bearer = new Anthropic({ ...options, apiKey: null, authToken: KEY });
    equal(words(await bearer.messages.create({ ...plain, messages: say(ECHO) })), TEXT);
  },
  abort: async () => {
    const stream = client.messages.stream({ ...plain, messages: say("Write a long essay.") });
    for await (const event of stream) if (event.type === "content_block_delta") break;
    holds(stream.controller.signal.aborted, "not aborted");
  },
  errors: async () => {
    const stranger = new Anthropic({ ...options, apiKey: STRANGER });
    const asked = { ...plain, messages: say("x") };
    equal(await refusal(() => stranger.messages.create(asked)), ["AuthenticationError", 401]);
    equal(await refusal(() => client.messages.create({ ...asked, temperature: 3 })), ["BadRequestError", 400]);
    equal(await refusal(() => client.messages.create({ ...asked, model: "nobody" })), ["BadRequestError", 400]);
  },
});
