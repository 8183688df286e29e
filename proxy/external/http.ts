import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Agent, request } from 'undici';
import type { Clock } from '../../common/clock.ts';
import type { JsonValue } from '../canonicalise/canonical-request.ts';
import type { HttpSource } from './external-source.ts';
import { mapFields } from './fields.ts';
import { select } from './json-path.ts';
import type { Fetched } from './polled.ts';
import { within } from './reader.ts';

const LONGEST_BODY = 1024 * 1024;

export interface HttpFetcher {
	fetch(signal: AbortSignal): Promise<Fetched>;
	close(): void;
}

/** Reads a JSON document over HTTP; follows no redirects, takes at most 1 MiB. */
export function createHttpFetcher({ source, clock }: { source: HttpSource; clock: Clock }): HttpFetcher {
	const agent = new Agent({
		connections: 1,
		...(source.ca === undefined ? {} : { connect: { ca: readFileSync(source.ca) } }),
	});
	return {
		async fetch(signal) {
			const document = await within({ clock, ms: source.timeout, signal }, inner =>
				get(agent, source, inner),
			);
			return mapDocument(source, document);
		},
		close() {
			agent.destroy().catch(() => undefined);
		},
	};
}

async function get(agent: Agent, { url, credentials }: HttpSource, signal: AbortSignal): Promise<JsonValue> {
	const headers: Record<string, string> = { accept: 'application/json' };
	if (credentials) {
		// Read each time: a changed password needs no restart.
		const password = (await readFile(credentials.password, 'utf8')).replace(/\r?\n$/, '');
		headers.authorization = `Basic ${Buffer.from(`${credentials.username}:${password}`).toString('base64')}`;
	}
	const { statusCode, body } = await request(url, { dispatcher: agent, headers, signal });
	const chunks: Buffer[] = [];
	let length = 0;
	for await (const chunk of body as AsyncIterable<Buffer>) {
		length += chunk.length;
		if (length > LONGEST_BODY) throw new Error('the answer is over 1 MiB'); // ends the stream as well
		chunks.push(chunk);
	}
	if (statusCode !== 200) throw new Error(`answered with status ${statusCode}`);
	try {
		return JSON.parse(Buffer.concat(chunks).toString('utf8')) as JsonValue;
	} catch {
		throw new Error('the answer is not JSON');
	}
}

/** The document's fields as one object, or with `each` a list of objects. */
function mapDocument({ fields, each, under }: HttpSource, document: JsonValue): Fetched {
	const wrap = (value: JsonValue): Fetched => ({
		ok: true,
		value: under === undefined ? value : { [under]: value },
	});
	if (!each) {
		const mapped = mapFields(fields, document);
		return mapped.ok ? wrap(mapped.value) : mapped;
	}
	const found = select(each, document);
	const items = each.definite ? found : (found ?? []);
	if (!Array.isArray(items)) return { ok: false, reason: `there is no list at ${each.source}` };
	const list: JsonValue[] = [];
	for (const item of items) {
		const mapped = mapFields(fields, item);
		if (!mapped.ok) return mapped;
		list.push(mapped.value);
	}
	return wrap(list);
}
