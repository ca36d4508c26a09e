// One call of the official OpenAI client to an endpoint beyond chat, named by
// the first argument; test_endpoints_sdk.py judges the line of JSON it prints.
//
// Environment: NODE_MODULES (where `openai` is), BASE_URL, API_KEY.

import { createHash } from "node:crypto";
import { Agent } from "node:http";
import { createRequire } from "node:module";

const require = createRequire(process.env.NODE_MODULES + "/here.js");
const { default: OpenAI, toFile } = require("openai");

const client = new OpenAI({
	baseURL: process.env.BASE_URL,
	apiKey: process.env.API_KEY,
	maxRetries: 0,
	timeout: 60000,
	// The client's fetch, node-fetch 2, on Node 18 takes the end of a stream
	// on a connection that is kept for a cut one ("Premature close").
	httpAgent: new Agent({ keepAlive: false }),
});
const [name, model, argument] = process.argv.slice(2);

// The same bytes as in the test: i * i modulo 251.
const bytes = Buffer.from(Uint8Array.from({ length: 300000 },
	(_, i) => i * i % 251));

function upload(filename, type) {
	return toFile(bytes, filename, { type });
}

async function digest(response) {
	const data = Buffer.from(await response.arrayBuffer());

	return {
		type: response.headers.get("content-type"),
		size: data.length,
		sha256: createHash("sha256").update(data).digest("hex"),
	};
}

async function all(stream) {
	const events = [];

	for await (const event of stream)
		events.push(event);
	return events;
}

const calls = {
	async speech() {
		return await digest(await client.audio.speech.create({
			model, voice: "alloy", input: "Hello" }));
	},

	async transcription() {
		return await client.audio.transcriptions.create({
			model, file: await upload("n\u00e4h.wav", "audio/wav"),
			response_format: "verbose_json",
			timestamp_granularities: ["word", "segment"] });
	},

	async transcriptionText() {
		return await client.audio.transcriptions.create({
			model, file: await upload("a.wav", "audio/wav"),
			response_format: argument });
	},

	async transcriptionStream() {
		return await all(await client.audio.transcriptions.create({
			model, file: await upload("a.wav", "audio/wav"), stream: true }));
	},

	async translation() {
		return await client.audio.translations.create({
			model, file: await upload("a.mp3", "audio/mpeg") });
	},

	async images() {
		return await client.images.generate({ model, prompt: "cat", n: 2 });
	},

	async imageEdit() {
		return await client.images.edit({
			model, prompt: "hat", image: await upload("i.png", "image/png"),
			mask: await upload("m.png", "image/png") });
	},

	async imageEdits() {
		return await client.images.edit({
			model, prompt: "hat", image: [
				await upload("1.png", "image/png"),
				await upload("2.png", "image/png")] });
	},

	async imageVariation() {
		return await client.images.createVariation({
			model, image: await upload("i.png", "image/png") });
	},

	async fetchLink() {
		return await digest(await fetch(argument, {
			headers: { Authorization: `Bearer ${process.env.API_KEY}` } }));
	},

	async moderation() {
		return await client.moderations.create({
			model, input: [{ type: "text", text: "Hello" }] });
	},

	async responseLife() {
		const made = await client.responses.create({ model, input: "Hello" });

		return {
			made: made.id,
			got: await client.responses.retrieve(made.id),
			items: (await client.responses.inputItems.list(made.id)).data,
			cancelled: await client.responses.cancel(made.id),
			deleted: await client.responses.del(made.id) ?? null,
		};
	},

	async responseStreamThenGet() {
		const stream = await client.responses.create({
			model, input: "Hello", stream: true });
		let id = null;

		for await (const event of stream)
			id ??= event.response?.id;
		return await client.responses.retrieve(id);
	},

	async responseMade() {
		return await client.responses.create({ model, input: "Hello" });
	},

	async retrieve() {
		return await client.responses.retrieve(argument);
	},

	async fileLife() {
		const made = await client.files.create({
			file: await upload("b.jsonl", "application/jsonl"),
			purpose: "batch" });

		return {
			made,
			got: await client.files.retrieve(made.id),
			content: await digest(await client.files.content(made.id)),
			listed: (await client.files.list()).data,
			deleted: await client.files.del(made.id),
		};
	},

	// The argument is the file's id; "" = one of its own.
	async batch() {
		const file = argument || (await client.files.create({
			file: await upload("b.jsonl", "application/jsonl"),
			purpose: "batch" })).id;

		return await client.batches.create({
			input_file_id: file, endpoint: "/v1/chat/completions",
			completion_window: "24h" });
	},

	// As many of each as the argument says, then all that there are.
	async collections() {
		const ids = async (list) => {
			const found = [];

			for await (const one of list)
				found.push(one.id);
			return found;
		};
		const made = { files: [], batches: [], stores: [] };

		for (let i = 0; i < Number(argument); i++) {
			const file = await client.files.create({
				file: await upload("b.jsonl", "application/jsonl"),
				purpose: "batch" });
			const store = await client.vectorStores.create({
				name: "s", file_ids: [file.id] });

			made.files.push(file.id);
			made.stores.push(store.id);
			made.batches.push((await client.batches.create({
				input_file_id: file.id, endpoint: "/v1/chat/completions",
				completion_window: "24h" })).id);
		}
		return { made, listed: {
			files: await ids(client.files.list()),
			batches: await ids(client.batches.list({ limit: 2 })),
			stores: await ids(client.vectorStores.list({ limit: 1 })) } };
	},

	async take() {
		const [kind, id] = argument.split("/");

		return await client[kind].retrieve(id);
	},
};

let result;
try {
	result = await calls[name]();
} catch (error) {
	result = {
		error: error.constructor.name,
		status: error.status ?? null,
		code: error.code ?? null,
		message: error.message,
	};
}
console.log(JSON.stringify(result));
