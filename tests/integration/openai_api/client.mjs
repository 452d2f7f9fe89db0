// OpenAI's own client for Node, unmodified, below /v1: what a script does from its rows to its model's answer.
// Arguments: the folder that holds node_modules/openai, the base address, the file of rows, the model.
import fs from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [folder, baseURL, rows, model] = process.argv.slice(2);
const found = createRequire(pathToFileURL(`${folder}/`)).resolve("openai");
const { default: OpenAI } = await import(pathToFileURL(found));
const client = new OpenAI({ baseURL, apiKey: "any" });

const file = await client.files.create({ file: fs.createReadStream(rows), purpose: "fine-tune" });
await client.files.waitForProcessing(file.id);
const job = await client.fineTuning.jobs.create({
  model,
  training_file: file.id,
  suffix: "by-node",
  metadata: { team: "support" },
});
const listed = [];
for await (const each of client.fineTuning.jobs.list({ metadata: null, limit: 1 })) listed.push(each.id);
const own = [];
for await (const each of client.fineTuning.jobs.list({ metadata: { team: "support" } })) own.push(each.id);
let seen = job;
while (!["succeeded", "failed", "cancelled"].includes(seen.status)) {
  await new Promise((go) => setTimeout(go, 100));
  seen = await client.fineTuning.jobs.retrieve(job.id);
}
const events = [];
for await (const each of client.fineTuning.jobs.listEvents(job.id, { limit: 7 })) events.push(each.id);
const checkpoints = [];
for await (const each of client.fineTuning.jobs.checkpoints.list(job.id)) checkpoints.push(each.step_number);
const stream = await client.chat.completions.create({
  model: seen.fine_tuned_model,
  messages: [{ role: "user", content: "Where is my parcel?" }],
  stream: true,
});
let text = "";
for await (const chunk of stream) text += chunk.choices[0]?.delta?.content ?? "";
let refusal = null;
try {
  await client.fineTuning.jobs.create({ model: "gpt-4o", training_file: file.id });
} catch (error) {
  refusal = { name: error.constructor.name, status: error.status, code: error.code, message: error.message };
}
console.log(JSON.stringify({ file, job, seen, listed, own, events, checkpoints, text, refusal }));
