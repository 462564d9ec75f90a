// Vercel's AI SDK with its DeepSeek provider drives the mock; prints what it understood as one JSON object. Usage: node ai_sdk.mjs URL
import { createDeepSeek } from "@ai-sdk/deepseek";
import { APICallError, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

const [url] = process.argv.slice(2);
const deepseek = createDeepSeek({ baseURL: url, apiKey: "sk-test-0000000000" });
const model = deepseek("deepseek-v4-flash");
const once = { maxRetries: 0 };

const chat = await generateText({ model, prompt: "Repeat exactly: 你好 👩‍👩‍👧", ...once });

const stream = streamText({ model, prompt: "Repeat exactly: 你好 👩‍👩‍👧", ...once });
let streamed = "";
for await (const part of stream.textStream) streamed += part;

const weather = tool({
  description: "Weather of a city",
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => `24 degrees in ${city}`,
});
const trip = await generateText({
  model,
  prompt: "What is the weather in Paris?",
  tools: { weather },
  stopWhen: stepCountIs(4),
  ...once,
});

let error = null;
try {
  await generateText({ model: createDeepSeek({ baseURL: url, apiKey: "sk-invalid-1234" })("deepseek-v4-flash"), prompt: "x", ...once });
} catch (caught) {
  error = [APICallError.isInstance(caught), caught.statusCode, caught.message];
}

console.log(
  JSON.stringify({
    chat: chat.text,
    reasoned: chat.reasoningText?.length > 0,
    streamed,
    usage: [(await stream.usage).inputTokens, (await stream.usage).outputTokens],
    finish: [await stream.finishReason, trip.finishReason],
    steps: trip.steps.map((step) => step.finishReason),
    calls: trip.steps.flatMap((step) => step.toolCalls.map((call) => call.input)),
    answer: trip.text,
    error,
  }),
);
