import { isIP } from 'node:net';
import { type DetailedPeerCertificate, connect as tlsConnect } from 'node:tls';
import { BimetalError } from '../common/errors/bimetal-error.ts';

/** What a server shows of itself before anything is said to it. */
export interface PresentedCertificate {
	/** The certificate to pin: the root that the server sent along, or the server's own. */
	readonly pem: string;
	readonly subject: string;
	/** SHA-256 of that certificate, as `AB:CD:…`. */
	readonly fingerprint: string;
	readonly isRoot: boolean;
}

/**
 * Looks at a server's certificate chain without trusting it: nothing is sent and the connection is closed at
 * once. The user decides by the fingerprint; every later connection verifies against what was pinned.
 */
export function presentedCertificate(url: string, timeout = 10_000): Promise<PresentedCertificate> {
	const { hostname, port } = new URL(url);
	const host = hostname.replace(/^\[|\]$/g, '');
	return new Promise((resolve, reject) => {
		const socket = tlsConnect({
			host,
			port: Number(port || 443),
			...(isIP(host) ? {} : { servername: host }),
			// For this look alone: an unknown certificate is what we are here to show.
			rejectUnauthorized: false,
			timeout,
		});
		const fail = (why: string) => {
			socket.destroy();
			reject(new BimetalError('ProxyUnreachable', `cannot reach ${url}: ${why}`, { status: 502 }));
		};
		socket.once('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message));
		socket.once('timeout', () => fail('no answer'));
		socket.once('secureConnect', () => {
			const anchor = lastOfChain(socket.getPeerCertificate(true));
			socket.destroy();
			const base64 = anchor.raw.toString('base64').replace(/.{64}(?=.)/g, '$&\n');
			resolve({
				pem: `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`,
				subject: Object.entries(anchor.subject ?? {})
					.map(([name, value]) => `${name}=${value}`)
					.join(', '),
				fingerprint: anchor.fingerprint256,
				isRoot: anchor.issuerCertificate?.fingerprint256 === anchor.fingerprint256,
			});
		});
	});
}

/** True when the system's own CAs vouch for the server; false when they do not, or nobody answers. */
export function trustedBySystem(url: string, timeout = 10_000): Promise<boolean> {
	const { hostname, port } = new URL(url);
	const host = hostname.replace(/^\[|\]$/g, '');
	return new Promise(resolve => {
		const servername = isIP(host) ? {} : { servername: host };
		const socket = tlsConnect({ host, port: Number(port || 443), ...servername, timeout });
		const end = (trusted: boolean) => {
			socket.destroy();
			resolve(trusted);
		};
		socket.once('secureConnect', () => end(true));
		socket.once('error', () => end(false));
		socket.once('timeout', () => end(false));
	});
}

/** Node links the chain by `issuerCertificate`; a root is its own issuer, elsewhere the chain just ends. */
function lastOfChain(leaf: DetailedPeerCertificate): DetailedPeerCertificate {
	let last = leaf;
	for (let depth = 0; depth < 10; depth++) {
		const issuer = last.issuerCertificate;
		if (!issuer?.raw || issuer.fingerprint256 === last.fingerprint256) break;
		last = issuer;
	}
	return last.issuerCertificate?.fingerprint256 === last.fingerprint256 ? last : leaf;
}

/** Fingerprints compare without colons, spaces and case. */
export function sameFingerprint(a: string, b: string): boolean {
	const bare = (text: string) =>
		text
			.replace(/^sha-?256[:=]?/i, '')
			.replace(/[^0-9a-f]/gi, '')
			.toLowerCase();
	return bare(a).length === 64 && bare(a) === bare(b);
}
