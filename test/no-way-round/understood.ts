import { createBodyReader } from '../../qemu/redfish/body-reader.ts';
import { createImageReader } from '../../qemu/redfish/image-form.ts';
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
	/** What came as an image, and its name; `body` then holds what else stood in its form. */
	readonly image:
		| { readonly size: number; readonly sha256: string; readonly fileName: string | undefined }
		| undefined;
	/** It opens a WebSocket: whatever follows on its connection is no request. */
	readonly isSocket: boolean;
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
		const contentType = header(head, 'content-type') ?? '';
		const path = target?.path.replace(/(.)\/$/, '$1') ?? head.target;
		const form = updatePath.test(path) ? readImage(step.body, contentType) : undefined;
		const json = form ? Buffer.from(form.parameters ?? '') : step.body;
		const parsed = json.length > 0 ? parseBody(json, form ? 'application/json' : contentType) : undefined;
		const isSocket = header(head, 'upgrade')?.toLowerCase() === 'websocket';
		requests.push({
			method: head.method,
			path,
			query: target?.query ?? [],
			headers: head.headers,
			body: parsed?.ok ? parsed.value : undefined,
			bytes: step.body,
			image: form?.image,
			isSocket,
		});
		if (isSocket) break;
	}
	return { requests, rest };
}

const updatePath = /^\/redfish\/v1\/UpdateService\/update(?:-multipart)?$/;

function readImage(body: Buffer, contentType: string) {
	const reader = createImageReader(contentType);
	reader?.push(body);
	const form = reader?.end();
	if (!form?.image) return undefined;
	const { size, sha256 } = form.image;
	const named = contentType.startsWith('multipart') ? body.toString('latin1') : '';
	const fileName = /name="UpdateFile"; filename="([^"]*)"/.exec(named)?.[1];
	return { image: { size, sha256, fileName }, parameters: form.parameters };
}

/** The whole frames of a client (RFC 6455 §5.2), unmasked, and what is left. Undefined where no client writes so. */
export function readFrames(bytes: Buffer): { payloads: Buffer[]; rest: Buffer } | undefined {
	const payloads: Buffer[] = [];
	let rest = bytes;
	for (;;) {
		const [first, second] = rest;
		if (first === undefined || second === undefined) return { payloads, rest };
		const isKnown = [0, 1, 2, 8, 9, 10].includes(first & 0x0f) && (first & 0x70) === 0;
		if (!isKnown || (second & 0x80) === 0) return undefined;
		const short = second & 0x7f;
		const at = short === 126 ? 4 : short === 127 ? 10 : 2;
		if (rest.length < at + 4) return { payloads, rest };
		const length =
			short === 126 ? rest.readUInt16BE(2) : short === 127 ? Number(rest.readBigUInt64BE(2)) : short;
		if (rest.length < at + 4 + length) return { payloads, rest };
		const mask = rest.subarray(at, at + 4);
		payloads.push(
			Buffer.from(rest.subarray(at + 4, at + 4 + length).map((byte, i) => byte ^ (mask[i % 4] ?? 0))),
		);
		rest = rest.subarray(at + 4 + length);
	}
}
