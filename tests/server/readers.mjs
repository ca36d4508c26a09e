// What JavaScript reads: lines of base64 in, lines of JSON out: the model by
// JSON.parse, and by an object that the members were assigned to.
import { createInterface } from "node:readline";

for await (const line of createInterface({ input: process.stdin })) {
	let found = null;
	try {
		const value = JSON.parse(Buffer.from(line, "base64").toString("utf8"));
		const copy = Object.assign({}, value);
		found = [value.model, copy.model, value.stream, copy.stream].map(
			(x) => x === undefined ? null : x);
	} catch { }
	console.log(JSON.stringify(found));
}
