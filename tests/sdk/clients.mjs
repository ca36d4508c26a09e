// One call of an official client beyond what sdk.mjs and endpoints.mjs make, named
// by the first argument; test_clients.py judges the line of JSON it prints.
//
// Environment: NODE_MODULES (where the packages are), ORIGIN, API_KEY.

import { createRequire } from "node:module";

const require = createRequire(process.env.NODE_MODULES + "/here.js");
const { default: OpenAI, AzureOpenAI } = require("openai-6");
const { default: Anthropic } = require("@anthropic-ai/sdk");
const { createOpenAI } = require("@ai-sdk/openai");

const origin = process.env.ORIGIN, apiKey = process.env.API_KEY;
const options = { apiKey, maxRetries: 0, timeout: 60000 };
const [name, model] = process.argv.slice(2);
const messages = [{ role: "user", content: "Hello there" }];
const prompt = [{ role: "user", content: [{ type: "text", text: "Hello" }] }];

const openai = new OpenAI({ ...options, baseURL: `${origin}/v1` });
const azure = { ...options, apiVersion: "2024-10-21" };
const anthropic = new Anthropic({ ...options, baseURL: origin });
const ai = createOpenAI({ apiKey, baseURL: `${origin}/v1` });

async function all(iterator) {
	const found = [];

	for await (const item of iterator)
		found.push(item);
	return found;
}

const calls = {
	// openai

	async compact() {
		return await openai.responses.compact({ model, input: "x" });
	},

	async inputTokens() {
		return await openai.responses.inputTokens.count({
			model, input: "x" });
	},

	async responsesStream() {
		return (await openai.responses.stream({ model, input: "x" })
			.finalResponse()).status;
	},

	async models() {
		return await all(openai.models.list());
	},

	// Azure's client, in its three ways

	async azureEndpoint() {
		return await new AzureOpenAI({ ...azure, endpoint: origin })
			.chat.completions.create({ model, messages });
	},

	async azureDeployment() {
		return await new AzureOpenAI({
			...azure, endpoint: origin, deployment: model })
			.chat.completions.create({ model: "other", messages });
	},

	async azureBase() {
		return await new AzureOpenAI({ ...azure, baseURL: `${origin}/v1` })
			.chat.completions.create({ model, messages });
	},

	async azureResponses() {
		return await new AzureOpenAI({ ...azure, endpoint: origin })
			.responses.create({ model, input: "x" });
	},

	async openaiV1() {
		return await new OpenAI({ ...options,
			baseURL: `${origin}/openai/v1` })
			.chat.completions.create({ model, messages });
	},

	// Anthropic's

	async message() {
		return await anthropic.messages.create({
			model, messages, max_tokens: 9 });
	},

	async messageWithToken() {
		return await new Anthropic({ ...options, baseURL: origin,
			authToken: "sk-ant-oat01-foreign" }).messages.create({
			model, messages, max_tokens: 9 });
	},

	async messageStream() {
		const stream = anthropic.messages.stream({
			model, messages, max_tokens: 9 });
		const events = (await all(stream)).map((event) => event.type);

		return { events, text: await stream.finalText() };
	},

	async countTokens() {
		return await anthropic.messages.countTokens({ model, messages });
	},

	async anthropicModels() {
		return await all(anthropic.models.list({ limit: 1 }));
	},

	async anthropicModel() {
		return await anthropic.models.retrieve(model);
	},

	// The AI SDK's, which checks each event

	async aiStream() {
		const { stream } = await ai.responses(model).doStream({ prompt });

		return (await all(stream)).filter(({ type }) =>
			type === "error" || type === "text-delta");
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
		body: error.error ?? null,
		message: error.message,
	};
}
console.log(JSON.stringify(result));
