import { createBodyReader } from '../../qemu/redfish/body-reader.ts';
import type { JsonObject } from '../../qemu/redfish/json.ts';
import { parseBody } from '../../qemu/redfish/request-body.ts';
import { header, parseHead } from '../../qemu/redfish/request-head.ts';
import { parseTarget } from '../../qemu/redfish/target.ts';

/** A request in the words in which a BMC reads it. */
export interface Understood {
	readonly method: string;
	/** What is routed on: without an authority, a fragment or a trailing slash. */
	readonly path: string;
	readonly query: readonly (readonly [string, string])[];
	readonly headers: readonly (readonly [string, string])[];
	/** The parsed body; undefined where there is none, or none that is JSON. */
	readonly body: JsonObject | undefined;
	readonly bytes: Buffer;
}

const headLimit = 8192;
const bodyLimit = 30 * 1024 * 1024;

/**
 * What a BMC makes of the bytes of one connection, read with all of bmcweb's leniency and without looking at
 * what it answers. Bytes after the last whole request come back as `rest`: between requests there must be none.
 */
export function understand(bytes: Buffer): { requests: Understood[]; rest: Buffer } {
	const requests: Understood[] = [];
	let rest = bytes;
	while (rest.length > 0) {
		const result = parseHead(rest.toString('latin1', 0, headLimit + 1), headLimit);
		if (result.kind !== 'head') return { requests, rest };
		const { head, length } = result;
		const step = createBodyReader(head.framing, bodyLimit).push(rest.subarray(length));
		if (step.kind !== 'done') return { requests, rest };
		rest = step.rest;
		const target = parseTarget(head.target);
		const parsed = step.body.length > 0 ? parseBody(step.body, header(head, 'content-type')) : undefined;
		requests.push({
			method: head.method,
			path: target?.path.replace(/(.)\/$/, '$1') ?? head.target,
			query: target?.query ?? [],
			headers: head.headers,
			body: parsed?.ok ? parsed.value : undefined,
			bytes: step.body,
		});
	}
	return { requests, rest };
}
