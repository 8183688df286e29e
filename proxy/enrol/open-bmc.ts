import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { Pool } from 'undici';
import type { JsonValue } from '../canonicalise/canonical-request.ts';
import { bmcUnreachable } from '../forward/bmc-fault.ts';
import { type BmcAnswer, collectAnswer } from '../forward/exchange.ts';
import { pinnedConnector } from '../forward/pinned-connector.ts';
import type { Change } from './doors.ts';
import type { Look } from './read-surface.ts';

/** A session on a BMC under its own account. */
export interface BmcLogin {
	/** The session's path. */
	readonly session: string;
	readonly look: Look;
	/** Sends it; the BMC's status. */
	send(change: Change): Promise<number>;
	logOut(): Promise<void>;
}

/** A BMC that is reached by its pinned certificate only. */
export interface OpenBmc {
	/** Undefined when the BMC refuses the password. @throws BimetalError BmcUnreachable, BmcNoAnswer, BmcGarbage */
	logIn(username: string, password: string): Promise<BmcLogin | undefined>;
	close(): Promise<void>;
}

const limits = { timeout: 15_000, answer: 4 * 1024 * 1024 };
const sessions = '/redfish/v1/SessionService/Sessions';

export function openBmc(target: {
	readonly name: string;
	readonly url: string;
	readonly fingerprint: string;
}): OpenBmc {
	const { name, url, fingerprint } = target;
	const connect = pinnedConnector({ fingerprint, ca: undefined, identity: undefined, timeout: 10_000 });
	const pool = new Pool(url, { connections: 1, pipelining: 1, connect });
	const ask = (method: string, path: string, body: unknown, token: string | undefined): Promise<BmcAnswer> =>
		collectAnswer(pool, name, limits, {
			method,
			path,
			headers: {
				accept: 'application/json',
				...(body !== undefined && { 'content-type': 'application/json' }),
				...(token !== undefined && { 'x-auth-token': token }),
			},
			body: body === undefined ? undefined : Buffer.from(JSON.stringify(body)),
		});
	return {
		async logIn(username, password) {
			const answer = await ask('POST', sessions, { UserName: username, Password: password }, undefined);
			if (answer.status === 401 || answer.status === 403) return undefined;
			const token = answer.headers['x-auth-token'];
			const session = String(answer.headers.location ?? '').replace(/^https?:\/\/[^/]+/, '');
			if (answer.status !== 201 || typeof token !== 'string' || !session.startsWith('/redfish/v1/')) {
				throw bmcUnreachable(name, `it answers the log-in with status ${answer.status} and no session`);
			}
			return {
				session,
				async look(path) {
					const { status, body } = await ask('GET', path, undefined, token);
					return { status, json: jsonOf(body) };
				},
				send: async ({ method, path, body }) => (await ask(method, path, body, token)).status,
				async logOut() {
					// The BMC ends idle sessions by itself.
					await ask('DELETE', session, undefined, token).catch(() => undefined);
				},
			};
		},
		close: () => pool.destroy(),
	};
}

function jsonOf(body: Buffer): JsonValue | undefined {
	try {
		return JSON.parse(body.toString('utf8')) as JsonValue;
	} catch {
		return undefined;
	}
}

/**
 * SHA-256 (64 hex digits) of the certificate that a server shows, without trusting it: nothing is sent.
 * @throws BimetalError BmcUnreachable
 */
export function presentedFingerprint(name: string, url: string, timeout = 10_000): Promise<string> {
	const { hostname, port } = new URL(url);
	const host = hostname.replace(/^\[|\]$/g, '');
	return new Promise((resolve, reject) => {
		const socket = connectTls({
			host,
			port: Number(port || 443),
			...(isIP(host) ? {} : { servername: host }),
			// For this look alone: an unknown certificate is what we are here to see.
			rejectUnauthorized: false,
			timeout,
		});
		const fail = (why: string, cause?: unknown) => {
			socket.destroy();
			reject(bmcUnreachable(name, why, cause));
		};
		socket.once('error', (fault: NodeJS.ErrnoException) => fail(fault.code ?? fault.message, fault));
		socket.once('timeout', () => fail('connecting took too long'));
		socket.once('secureConnect', () => {
			const { raw } = socket.getPeerCertificate();
			socket.destroy();
			resolve(createHash('sha256').update(raw).digest('hex'));
		});
	});
}
