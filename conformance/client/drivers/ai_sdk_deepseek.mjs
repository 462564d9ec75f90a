// Driver: Vercel's AI SDK with its provider for DeepSeek.
import { createDeepSeek } from "@ai-sdk/deepseek";
import { generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

const { ECHO_USE: use, ECHO_PROMPT: prompt, ECHO_MODEL, ECHO_TIMEOUT_S: seconds } = process.env;
const model = createDeepSeek({ baseURL: process.env.DEEPSEEK_BASE_URL })(ECHO_MODEL); // the key is in DEEPSEEK_API_KEY
const weather = tool({
  description: "Weather",
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => `24 degrees in ${city}`,
});
const withTools = { tools: { get_weather: weather }, stopWhen: stepCountIs(3) };
const limit = () => ({ abortSignal: AbortSignal.timeout(seconds * 6000) }); // the SDK has no time-out of its own; its retries take 6 s
const callsOf = (steps) => steps.flatMap((step) => step.toolCalls.map((call) => ({ name: call.toolName, arguments: call.input })));

async function document(more = {}) {
  const { text, steps, finishReason } = await generateText({ model, prompt, ...limit(), ...more });
  return { text, calls: callsOf(steps), finish: finishReason };
}

async function stream(more = {}, asked = prompt) {
  let failed = null;
  const answer = streamText({ model, prompt: asked, ...limit(), onError: ({ error }) => (failed = error), ...more });
  let text = "";
  for await (const part of answer.textStream) text += part;
  if (failed) throw failed;
  return { text: (await answer.text) || text, calls: callsOf(await answer.steps), finish: await answer.finishReason };
}

async function abort() {
  const control = new AbortController();
  for await (const _ of streamText({ model, prompt, abortSignal: control.signal }).fullStream) {
    if (_.type === "start" || _.type === "start-step") continue;
    break;
  }
  control.abort();
  await new Promise((resolve) => setTimeout(resolve, 1000));
  return { aborted: true };
}

async function main() {
  const textOf = (number) => stream({}, `${prompt} (${number})`).then((answer) => answer.text, () => null);
  const uses = {
    chat: () => document(),
    stream: () => stream(),
    tools: () => document(withTools),
    "tools-stream": () => stream(withTools),
    parallel: async () => ({ texts: await Promise.all([0, 1, 2, 3].map(textOf)) }),
    abort,
  };
  if (!uses[use]) process.exit(64);
  return uses[use]();
}

try {
  console.log(JSON.stringify(await main()));
  process.exit(0);
} catch (caught) {
  const error = caught.lastError ?? caught; // what is behind a RetryError
  console.error(`${caught.constructor.name}: ${error.message} (status ${error.statusCode})`);
  process.exit(1);
}
