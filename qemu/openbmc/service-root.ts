import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { z } from 'zod';

/** What a Redfish service says at /redfish/v1 to everybody (DSP0266, Service root). */
const serviceRoot = z.looseObject({
	'@odata.id': z.string().regex(/^\/redfish\/v1\/?$/),
	RedfishVersion: z.string().regex(/^\d+\.\d+\.\d+$/),
	UUID: z.string().optional(),
});

export interface RedfishService {
	readonly version: string;
	/** SHA-256 of its certificate, 64 hex digits. */
	readonly fingerprint: string;
}

/** No service root comes near it. */
const answerLimit = 1024 * 1024;

/**
 * Asks for the service root, without trusting who answers: nothing but this public question is sent, and the
 * certificate is for the caller to pin. Rejects with the reason while there is no Redfish.
 */
export function askServiceRoot(port: number, timeout: number, signal: AbortSignal): Promise<RedfishService> {
	return new Promise((resolve, reject) => {
		const sent = request({
			...{ host: '127.0.0.1', port, path: '/redfish/v1', agent: false },
			// It is only here that the certificate is not known yet.
			rejectUnauthorized: false,
			headers: { accept: 'application/json' },
			timeout,
			signal,
		});
		sent.once('timeout', () => sent.destroy(new Error(`no answer for ${Math.round(timeout / 1000)} s`)));
		sent.once('error', reject);
		sent.once('response', response => {
			read(response).then(resolve, reject);
		});
		sent.end();
	});
}

async function read(response: IncomingMessage): Promise<RedfishService> {
	const { fingerprint256 = '' } = (response.socket as TLSSocket).getPeerCertificate();
	const chunks: Buffer[] = [];
	let size = 0;
	for await (const chunk of response as AsyncIterable<Buffer>) {
		size += chunk.length;
		if (size > answerLimit) throw new Error('its service root is larger than any');
		chunks.push(chunk);
	}
	if (response.statusCode !== 200) throw new Error(`it answers with status ${response.statusCode}`);
	const parsed = serviceRoot.safeParse(json(Buffer.concat(chunks).toString('utf8')));
	if (!parsed.success) throw new Error('what it answers at /redfish/v1 is no service root');
	return {
		version: parsed.data.RedfishVersion,
		fingerprint: fingerprint256.replaceAll(':', '').toLowerCase(),
	};
}

function json(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}
