// The official SDK of OpenAI for Node, Responses, drives the mock. Usage: node openai_responses.mjs URL
import OpenAI from "openai";
import { zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";
import { CITIES, ECHO, KEY, PARAMETERS, PIXEL, STRANGER, TEXT, equal, holds, refusal, tell } from "./features.mjs";

const [url] = process.argv.slice(2);
const options = { baseURL: url, maxRetries: 0 };
const client = new OpenAI({ ...options, apiKey: KEY });
const model = "deepseek-flash";
const plain = { model, reasoning: { effort: "none" } };
const tools = [{ type: "function", name: "get_weather", description: "Weather of a city", parameters: PARAMETERS }];

async function gathered(asked) {
  const stream = client.responses.stream(asked);
  const kinds = [];
  for await (const event of stream) kinds.push(event.type);
  return [await stream.finalResponse(), kinds];
}

await tell({
  text: async () => equal((await client.responses.create({ ...plain, input: ECHO })).output_text, TEXT),
  stream: async () => {
    const [response, kinds] = await gathered({ ...plain, input: ECHO });
    equal(response.output_text, TEXT);
    equal([kinds[0], kinds.at(-1)], ["response.created", "response.completed"]);
  },
  usage: async () => {
    const whole = (await client.responses.create({ ...plain, input: ECHO })).usage;
    const [streamed] = await gathered({ ...plain, input: ECHO });
    equal([streamed.usage.input_tokens, streamed.usage.output_tokens], [whole.input_tokens, whole.output_tokens]);
    equal(whole.total_tokens, whole.input_tokens + whole.output_tokens);
  },
  thinking: async () => {
    const [response, kinds] = await gathered({ model, input: ECHO });
    equal(response.output.map((item) => item.type), ["reasoning", "message"]);
    holds(kinds.includes("response.reasoning_text.delta"), "no reasoning deltas");
  },
  calls: async () => {
    const [response] = await gathered({ ...plain, input: CITIES, tools });
    const calls = response.output.filter((item) => item.type === "function_call");
    equal(calls.map((call) => JSON.parse(call.arguments)), [{ city: "Paris" }, { city: "Tokyo" }]);
  },
  "calls and results": async () => {
    const first = await client.responses.create({ model, input: CITIES, tools });
    const calls = first.output.filter((item) => item.type === "function_call");
    const outputs = calls.map((call) => ({ type: "function_call_output", call_id: call.call_id, output: "24 degrees" }));
    const input = [{ role: "user", content: CITIES }, ...first.output, ...outputs];
    holds((await client.responses.create({ model, input, tools })).output_text.includes("24 degrees"), "no answer");
  },
  "forced call": async () => {
    const response = await client.responses.create({ ...plain, input: "Hi", tools, tool_choice: "required" });
    equal(response.output.at(-1).name, "get_weather");
  },
  "JSON object": async () => {
    const text = { format: { type: "json_object" } };
    const response = await client.responses.create({ ...plain, input: 'A json like {"river": "Nile"}?', text });
    equal(Object.keys(JSON.parse(response.output_text)), ["river"]);
  },
  "JSON schema": async () => {
    const format = zodTextFormat(z.object({ name: z.string(), age: z.number() }), "person");
    equal((await client.responses.parse({ ...plain, input: "Ann is 7", text: { format } })).output_parsed, { name: "Ann", age: 7 });
  },
  "cut short": async () => {
    const [response] = await gathered({ ...plain, input: "Write a long essay.", max_output_tokens: 20 });
    equal([response.status, response.incomplete_details.reason], ["incomplete", "max_output_tokens"]);
    equal(response.usage.output_tokens, 20);
  },
  images: async () => {
    const image = { type: "input_image", image_url: `data:image/png;base64,${PIXEL}`, detail: "low" };
    const content = [{ type: "input_text", text: "What is it?" }, image];
    const seen = await client.responses.create({ ...plain, input: [{ role: "user", content }] });
    const blind = await client.responses.create({ ...plain, input: "What is it?" });
    holds(seen.usage.input_tokens > blind.usage.input_tokens, "the image counts nothing");
  },
  "ignored members": async () => {
    const more = { store: true, metadata: { run: "1" }, truncation: "auto", service_tier: "auto" };
    equal((await client.responses.create({ ...plain, input: ECHO, ...more })).store, false);
  },
  abort: async () => {
    const stream = await client.responses.create({ ...plain, input: "Write a long essay.", stream: true });
    for await (const event of stream) if (event.type === "response.output_text.delta") break;
    holds(stream.controller.signal.aborted, "not aborted");
  },
  errors: async () => {
    const stranger = new OpenAI({ ...options, apiKey: STRANGER });
    equal(await refusal(() => stranger.responses.create({ model, input: "x" })), ["AuthenticationError", 401]);
    equal(await refusal(() => client.responses.create({ model, input: "x", temperature: 3 })), ["BadRequestError", 400]);
    equal(await refusal(() => client.responses.create({ model: "nobody", input: "x" })), ["BadRequestError", 400]);
  },
});
