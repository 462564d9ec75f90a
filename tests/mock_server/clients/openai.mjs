// The official SDK for Node drives the mock; prints what it understood as one JSON object. Usage: node openai.mjs URL
import OpenAI from "openai";

const [url] = process.argv.slice(2);
const options = { apiKey: "sk-test-0000000000", maxRetries: 0 };
const client = new OpenAI({ ...options, baseURL: url });
const beta = new OpenAI({ ...options, baseURL: `${url}/beta` });
const model = "deepseek-v4-flash";
const say = (content) => [{ role: "user", content }];
const tools = [
  {
    type: "function",
    function: {
      name: "get_weather",
      description: "Weather of a city",
      parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
    },
  },
];

const chat = await client.chat.completions.create({ model, messages: say("Repeat exactly: 你好 👩‍👩‍👧") });

let streamed = "";
let usage = null;
const stream = await client.chat.completions.create({
  model,
  messages: say("Repeat exactly: 你好 👩‍👩‍👧"),
  stream: true,
  stream_options: { include_usage: true },
});
for await (const chunk of stream) {
  streamed += chunk.choices[0]?.delta?.content ?? "";
  usage = chunk.usage ?? usage;
}

// The helper that gathers a stream drops reasoning_content, which would have to go back with the calls: so no thinking here.
const question = say("What is the weather in Paris and in Tokyo?");
const plain = { model, tools, thinking: { type: "disabled" } };
const asked = client.chat.completions.stream({ ...plain, messages: question });
const first = (await asked.finalChatCompletion()).choices[0];
const results = first.message.tool_calls.map((call) => ({ role: "tool", tool_call_id: call.id, content: "24 degrees" }));
const second = await client.chat.completions.create({ ...plain, messages: [...question, first.message, ...results] });

const json = await client.chat.completions.create({
  model,
  messages: say('Answer in json like {"river": "Nile"}. Which is the longest river?'),
  response_format: { type: "json_object" },
});
const fim = await beta.completions.create({ model: "deepseek-v4-pro", prompt: "def f():", suffix: "return 1", max_tokens: 7 });
const models = [];
for await (const each of client.models.list()) models.push(each.id);

const errors = {};
for (const [name, run] of Object.entries({
  key: () => new OpenAI({ ...options, apiKey: "sk-invalid-1234", baseURL: url }).models.list(),
  parameter: () => client.chat.completions.create({ model, messages: say("x"), temperature: 3 }),
  path: () => client.embeddings.create({ model, input: "x" }),
})) {
  try {
    await run();
  } catch (error) {
    errors[name] = [error.constructor.name, error.status];
  }
}

console.log(
  JSON.stringify({
    chat: chat.choices[0].message.content,
    streamed,
    usage,
    calls: first.message.tool_calls.map((call) => JSON.parse(call.function.arguments)),
    finish: [first.finish_reason, second.choices[0].finish_reason],
    answer: second.choices[0].message.content,
    json: Object.keys(JSON.parse(json.choices[0].message.content)),
    fim: [fim.object, fim.usage.completion_tokens],
    models,
    errors,
  }),
);
