import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { BimetalError } from '../errors/bimetal-error.ts';

/** Where a daemon of Open vSwitch listens, as its own programs write it (ovsdb(7), Active Connection Methods). */
export type Remote =
	| { readonly kind: 'unix'; readonly path: string }
	| { readonly kind: 'tcp' | 'ssl'; readonly host: string; readonly port: number };

/** By what a database is known that is reached over TLS, and we by it: ovsdb-server always asks for a certificate. */
export interface RemoteIdentity {
	/** Certificates that sign the database's, PEM; without it, those that Node.js comes with. */
	readonly ca?: string | undefined;
	/** Ours and its key, PEM. */
	readonly certificate?: string | undefined;
	readonly key?: string | undefined;
}

/** Milliseconds for a connection to come about. */
const patience = 10_000;

/** `unix:/run/openvswitch/db.sock`, `ssl:switch1.example:6640`, `tcp:[::1]:6640`; undefined when it is none. */
export function parseRemote(text: string): Remote | undefined {
	const path = /^unix:(\/.+)$/.exec(text)?.[1];
	if (path !== undefined) return { kind: 'unix', path };
	const [, kind, inBrackets, plain, digits] =
		/^(tcp|ssl):(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/.exec(text) ?? [];
	const host = inBrackets ?? plain;
	const port = Number(digits);
	if (host === undefined || port < 1 || port > 65_535) return undefined;
	return { kind: kind === 'ssl' ? 'ssl' : 'tcp', host, port };
}

/**
 * A connection to it. Throws the error of connecting (ENOENT, ECONNREFUSED, CERT_HAS_EXPIRED …), SwitchSilent, or what
 * `signal` was aborted with.
 */
export async function openRemote(
	remote: Remote,
	{ ca, certificate, key }: RemoteIdentity = {},
	signal?: AbortSignal,
): Promise<Socket> {
	signal?.throwIfAborted();
	const socket =
		remote.kind === 'unix'
			? connect(remote.path)
			: remote.kind === 'tcp'
				? connect({ ...addressOf(remote), noDelay: true })
				: connectTls({
						...addressOf(remote),
						ca,
						cert: certificate,
						key,
						minVersion: 'TLSv1.2',
						// Also where the environment says otherwise.
						rejectUnauthorized: true,
					}).setNoDelay();
	const givenUp = AbortSignal.any([AbortSignal.timeout(patience), ...(signal ? [signal] : [])]);
	try {
		await once(socket, remote.kind === 'ssl' ? 'secureConnect' : 'connect', { signal: givenUp });
	} catch (fault) {
		socket.on('error', () => undefined).destroy();
		signal?.throwIfAborted();
		throw givenUp.aborted
			? new BimetalError('SwitchSilent', `no connection within ${patience / 1000} s`)
			: fault;
	}
	return socket.setKeepAlive(true);
}

const addressOf = ({ host, port }: { readonly host: string; readonly port: number }) => ({ host, port });
