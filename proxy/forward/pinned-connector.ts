import { createHash } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { buildConnector } from 'undici';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { proxyErrors } from '../errors.ts';

export interface PinnedOptions {
	/** SHA-256 of the certificate, 64 hex digits. */
	readonly fingerprint: string;
	/** PEM of the authority that must have signed it as well; without one the pin alone decides. */
	readonly ca: string | undefined;
	readonly identity: { readonly certificate: string; readonly key: string } | undefined;
	/** Milliseconds for connecting. */
	readonly timeout: number;
}

const mismatch = 'its certificate is not the pinned one';

/**
 * Connects to one certificate only, whatever name stands on it: BMC certificates seldom name the host they stand
 * on, and are their own authority more often than not. It is compared before a byte of a request is sent, and on
 * every connection: no TLS session is taken up again.
 */
export function pinnedConnector(options: PinnedOptions): buildConnector.connector {
	const connect = buildConnector({
		timeout: options.timeout,
		maxCachedSessions: 0,
		...(options.ca
			? { ca: options.ca, checkServerIdentity: () => undefined }
			: // The pin is stricter than any authority: it is checked below.
				{ rejectUnauthorized: false }),
		...(options.identity && { cert: options.identity.certificate, key: options.identity.key }),
	});
	return (target, callback) =>
		connect(target, (...[fault, socket]: [Error, null] | [null, TLSSocket | import('node:net').Socket]) => {
			if (!socket) return callback(fault, null);
			const raw = 'getPeerCertificate' in socket ? socket.getPeerCertificate().raw : undefined;
			if (raw && createHash('sha256').update(raw).digest('hex') === options.fingerprint)
				return callback(null, socket);
			socket.destroy();
			callback(proxyErrors.BmcUnreachable(mismatch), null);
		});
}

/** Whether a fault, or what caused it, is that another certificate than the pinned one was shown. */
export function isPinMismatch(fault: unknown): boolean {
	for (let at = fault; at instanceof Error; at = at.cause) {
		if (at instanceof BimetalError && at.message === mismatch) return true;
	}
	return false;
}
