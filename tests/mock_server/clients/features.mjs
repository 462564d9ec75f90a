// What the Node clients of Responses and Messages have in common: each names features, and says of each whether it understood the mock.

export const TEXT = "你好 👩‍👩‍👧";
export const ECHO = `Repeat exactly: ${TEXT}`;
export const CITIES = "What is the weather in Paris and in Tokyo?";
export const PIXEL =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
export const PARAMETERS = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
export const KEY = "sk-test-0000000000";
export const STRANGER = "sk-invalid-1234";

// Throws with both values where they are not the same JSON.
export function equal(got, wanted) {
  const [ours, theirs] = [JSON.stringify(got), JSON.stringify(wanted)];
  if (ours !== theirs) throw new Error(`got ${ours}, expected ${theirs}`);
}

export function holds(condition, message) {
  if (!condition) throw new Error(message);
}

// The name and the status of the error that a call ends with.
export async function refusal(run) {
  try {
    await run();
  } catch (error) {
    return [error.constructor.name, error.status ?? error.statusCode];
  }
  throw new Error("not refused");
}

// Runs features by name and prints {name: "yes" or what went wrong} as one JSON object.
export async function tell(features) {
  const said = {};
  for (const [name, run] of Object.entries(features)) {
    try {
      await run();
      said[name] = "yes";
    } catch (error) {
      said[name] = `no: ${error.message}`;
    }
  }
  console.log(JSON.stringify(said));
}
