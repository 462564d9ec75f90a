// Serves aimock, from the folder of npm packages in argv[2], on the port in argv[3]; its answers are those of a willing model.
import { createRequire } from "node:module";
import { resolve } from "node:path";

const [packages, port, key] = process.argv.slice(2);
const { LLMock } = createRequire(resolve(packages, "package.json"))("@copilotkit/aimock");

const NUMBERS = "one, two, three, four, five, six, seven, eight, nine, ten, eleven, twelve, thirteen, fourteen, fifteen";
const STORY = "The keeper lit the lamp, and the cat watched the waves until the morning came. ".repeat(40).trim();

const text = (message) =>
  Array.isArray(message?.content) ? message.content.map((part) => part.text ?? "").join("") : (message?.content ?? "");

function wantsCall(request) {
  const choice = request.tool_choice ?? "auto";
  const offered = request.tools?.length > 0 && choice !== "none" && request.messages.at(-1).role === "user";
  return offered && (choice !== "auto" || /use the tool|get_weather/i.test(text(request.messages.at(-1))));
}

function calls(request, prompt) {
  const name = request.tool_choice?.function?.name ?? request.tools[0].function.name;
  if (name === "run_order") {
    const note = JSON.stringify(request.tools[0].function.parameters.properties.note.enum[0]);
    const order = prompt.match(/\d+/)[0]; // as text: it is no double
    return [{ name, arguments: `{"order": ${order}, "note": ${note}}` }];
  }
  const cities = prompt.match(/Paris|Tokyo/g) ?? ["Paris"];
  return cities.map((city) => ({ name, arguments: JSON.stringify({ city }) }));
}

function answer(request) {
  const prompt = text(request.messages.findLast((message) => message.role === "user"));
  if (wantsCall(request)) return { toolCalls: calls(request, prompt) };
  if (request.response_format?.type === "json_object")
    return { content: '{"question": "Which is the longest river?", "answer": "The Nile."}' };
  const echo = prompt.match(/Repeat exactly, and nothing else:\n(.*)/s);
  if (echo) return { content: echo[1] };
  if (/^Count/.test(prompt)) return { content: NUMBERS };
  if (/story/.test(prompt)) return { content: STORY };
  return { content: "Hello." };
}

const mock = new LLMock({ port: Number(port), host: "127.0.0.1", auth: { apiKeys: [key] } });
mock.on({ endpoint: "chat" }, answer);
await mock.start();
