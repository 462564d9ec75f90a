// Vercel's AI SDK with its providers of OpenAI (Responses) and Anthropic (Messages) drives the mock.
// Usage: node ai_sdk_formats.mjs openai|anthropic URL
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import { CITIES, ECHO, KEY, PIXEL, STRANGER, TEXT, equal, holds, refusal, tell } from "./features.mjs";

const [name, url] = process.argv.slice(2);
const providers = {
  openai: {
    of: (apiKey) => createOpenAI({ baseURL: url, apiKey }).responses("deepseek-flash"),
    plain: { openai: { reasoningEffort: "none", store: false, forceReasoning: true } },
    thinks: { openai: { reasoningEffort: "high", store: false, forceReasoning: true } },
  },
  anthropic: {
    of: (apiKey) => createAnthropic({ baseURL: `${url}/anthropic/v1`, apiKey })("deepseek-flash"),
    plain: { anthropic: { thinking: { type: "disabled" } } },
    thinks: { anthropic: { thinking: { type: "enabled", budgetTokens: 1024 } } },
  },
};
const { of, plain, thinks } = providers[name];
globalThis.AI_SDK_LOG_WARNINGS = false;
const once = { model: of(KEY), maxRetries: 0, providerOptions: plain };
const weather = tool({
  description: "Weather of a city",
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => `24 degrees in ${city}`,
});

await tell({
  text: async () => equal((await generateText({ ...once, prompt: ECHO })).text, TEXT),
  stream: async () => {
    let streamed = "";
    for await (const part of streamText({ ...once, prompt: ECHO }).textStream) streamed += part;
    equal(streamed, TEXT);
  },
  usage: async () => {
    const whole = (await generateText({ ...once, prompt: ECHO })).usage;
    const stream = streamText({ ...once, prompt: ECHO });
    await stream.consumeStream();
    const streamed = await stream.usage;
    equal([streamed.inputTokens, streamed.outputTokens], [whole.inputTokens, whole.outputTokens]);
    holds(whole.inputTokens > 0 && whole.outputTokens > 0, "nothing counted");
  },
  thinking: async () => {
    const stream = streamText({ ...once, prompt: ECHO, providerOptions: thinks });
    await stream.consumeStream();
    equal(await stream.text, TEXT);
    holds((await stream.usage).outputTokenDetails?.reasoningTokens > 0 || (await stream.reasoningText)?.length > 0, "no reasoning");
  },
  calls: async () => {
    const { toolCalls, finishReason } = await generateText({ ...once, prompt: CITIES, tools: { weather } });
    equal(toolCalls.map((call) => call.input), [{ city: "Paris" }, { city: "Tokyo" }]);
    equal(finishReason, "tool-calls");
  },
  "calls and results": async () => {
    const trip = await generateText({ ...once, prompt: CITIES, tools: { weather }, stopWhen: stepCountIs(4) });
    equal(trip.steps.map((step) => step.finishReason), ["tool-calls", "stop"]);
    holds(trip.text.includes("24 degrees in"), `no answer: ${trip.text}`);
  },
  "cut short": async () => {
    const cut = await generateText({ ...once, prompt: "Write a long essay.", maxOutputTokens: 20 });
    equal([cut.finishReason, cut.usage.outputTokens], ["length", 20]);
  },
  images: async () => {
    const content = [
      { type: "text", text: "What is it?" },
      { type: "image", image: `data:image/png;base64,${PIXEL}` },
    ];
    const seen = await generateText({ ...once, messages: [{ role: "user", content }] });
    const blind = await generateText({ ...once, prompt: "What is it?" });
    holds(seen.usage.inputTokens > blind.usage.inputTokens, "the image counts nothing");
  },
  abort: async () => {
    const controller = new AbortController();
    const stream = streamText({ ...once, prompt: "Write a long essay.", abortSignal: controller.signal, onError: () => {} });
    for await (const part of stream.textStream) {
      holds(part.length > 0, "an empty part");
      controller.abort();
      break;
    }
  },
  errors: async () => {
    const [kind, status] = await refusal(() => generateText({ ...once, model: of(STRANGER), prompt: "x" }));
    holds(kind.includes("APICallError") && status === 401, `${kind} ${status}`);
  },
});
