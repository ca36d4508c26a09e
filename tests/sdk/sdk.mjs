// One call of the official OpenAI client, named by the first argument. What
// came of it goes to stdout as one line of JSON; test_openai.py judges it.
//
// Environment: NODE_MODULES (where `openai` is), BASE_URL, API_KEY.

import { Agent } from "node:http";
import { createRequire } from "node:module";
import { once } from "node:events";

const require = createRequire(process.env.NODE_MODULES + "/here.js");
const { default: OpenAI } = require("openai");

const client = new OpenAI({
	baseURL: process.env.BASE_URL,
	apiKey: process.env.API_KEY,
	maxRetries: 0,
	timeout: 60000,
	// The client's fetch, node-fetch 2, on Node 18 takes the end of a stream
	// on a connection that is kept for a cut one ("Premature close").
	httpAgent: new Agent({ keepAlive: false }),
});
const [name, model] = process.argv.slice(2);
const messages = [{ role: "user", content: "Hello there" }];

async function words(stream, text) {
	const parts = [];

	for await (const chunk of stream)
		parts.push(text(chunk));
	return parts.filter((part) => part);
}

const calls = {
	async chat() {
		return await client.chat.completions.create({ model, messages });
	},

	async chatWithResponse() {
		const { data, response, request_id } = await client.chat.completions
			.create({ model, messages }).withResponse();

		return { data, status: response.status, request_id };
	},

	async stream() {
		const stream = await client.chat.completions.create(
			{ model, messages, stream: true });

		return await words(stream, (chunk) => chunk.choices[0]?.delta?.content);
	},

	// The words that came before the error must have been delivered.
	async streamError() {
		const parts = [];

		try {
			for await (const chunk of await client.chat.completions.create(
				{ model, messages, stream: true }))
				parts.push(chunk.choices[0]?.delta?.content);
		} catch (error) {
			return { parts, ...description(error) };
		}
		return { parts };
	},

	// Leaves after the first word, then lives on until its stdin ends.
	async abort() {
		const stream = await client.chat.completions.create(
			{ model, messages, stream: true });

		for await (const chunk of stream) {
			stream.controller.abort();
			console.log(JSON.stringify({
				first: chunk.choices[0].delta.content }));
			process.stdin.resume();
			await once(process.stdin, "end");
			break;
		}
		return { aborted: stream.controller.signal.aborted };
	},

	async helper() {
		const runner = client.beta.chat.completions.stream({ model, messages });

		return await runner.finalContent();
	},

	async completions() {
		return await client.completions.create({ model, prompt: "Hello" });
	},

	async completionsStream() {
		const stream = await client.completions.create(
			{ model, prompt: "Hello there", stream: true });

		return await words(stream, (chunk) => chunk.choices[0]?.text);
	},

	async embeddings() {
		return await client.embeddings.create({
			model, input: ["Hello", "there"], encoding_format: "float" });
	},

	async moderations() {
		return await client.moderations.create({ model, input: "Hello" });
	},

	async responses() {
		const answer = await client.responses.create({ model, input: "Hello" });

		return { id: answer.id, text: answer.output_text };
	},

	async responsesStream() {
		const stream = await client.responses.create(
			{ model, input: "Hello", stream: true });
		const types = [];

		for await (const event of stream)
			types.push(event.type);
		return types;
	},

	async models() {
		const ids = [];

		for await (const one of client.models.list())
			ids.push(one.id);
		return ids;
	},

	async model() {
		return await client.models.retrieve(model);
	},
};

function description(error) {
	return {
		error: error.constructor.name,
		isAPIError: error instanceof OpenAI.APIError,
		status: error.status ?? null,
		code: error.code ?? null,
		type: error.type ?? null,
		param: error.param ?? null,
		message: error.message,
		request_id: error.request_id ?? null,
	};
}

let result;
try {
	result = await calls[name]();
} catch (error) {
	result = description(error);
}
console.log(JSON.stringify(result));
