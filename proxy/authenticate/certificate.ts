import { X509Certificate } from 'node:crypto';
import type { Clock } from '../../common/clock.ts';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import {
	commonNameOf,
	fingerprintOf,
	isForClients,
	type PeerSocket,
	validityOf,
} from '../../common/identity/client-certificate.ts';
import type { Roster, RosterEntry } from './roster.ts';

export type CertificateVerdict =
	| { readonly kind: 'none' }
	| {
			readonly kind: 'right';
			readonly entry: RosterEntry;
			/** SHA-256 over its DER, hex. */
			readonly fingerprint: string;
	  }
	| { readonly kind: 'wrong'; readonly reason: string };

export interface CertificateCheckDeps {
	readonly clock: Clock;
	readonly roster: () => Roster;
	readonly parties: readonly { readonly name: string; readonly rootPem: string }[];
}

/** What a certificate proves for as long as it is valid; who that is, the roster says anew each time. */
type Proof =
	| { readonly kind: 'none' }
	| { readonly kind: 'wrong'; readonly reason: string }
	| {
			readonly kind: 'proven';
			readonly party: string;
			readonly name: string;
			readonly fingerprint: string;
			readonly from: number;
			readonly to: number;
	  };

/**
 * The operator of a TLS client certificate. Its party is the one whose root signed it: a name says nothing by
 * itself, as another party can issue a certificate for any name. Signed by the root itself; no intermediates.
 *
 * The listener must ask for certificates with all roots in `ca` (requestCert, rejectUnauthorized: false).
 * Throws BimetalError PartyRootInvalid when a root is not a CA's, or two parties share a key.
 */
export function createCertificateCheck(
	deps: CertificateCheckDeps,
): (socket: PeerSocket) => CertificateVerdict {
	const { clock, roster } = deps;
	const roots = deps.parties.map(party => ({ party: party.name, root: readRoot(party.name, party.rootPem) }));
	const keys = new Set(
		roots.map(({ root }) => root.publicKey.export({ type: 'spki', format: 'der' }).toString('hex')),
	);
	if (keys.size < roots.length) throw invalidRoot('two parties have the same root key');
	/** Verifying a signature costs more than a request should; a connection keeps its certificate. */
	const proofs = new WeakMap<PeerSocket, Proof>();

	const prove = (socket: PeerSocket): Proof => {
		const leaf = socket.getPeerX509Certificate?.();
		if (leaf === undefined) return { kind: 'none' };
		const issuers = roots.filter(({ root }) => leaf.checkIssued(root) && leaf.verify(root.publicKey));
		const issuer = issuers[0];
		if (issuer === undefined || issuers.length > 1) return wrong("no party's root signed the certificate");
		if (socket.authorized !== true) return wrong('the certificate does not hold');
		if (!isForClients(leaf)) return wrong('the certificate is not for clients');
		const name = commonNameOf(leaf);
		if (name === undefined) return wrong('the certificate does not name one operator');
		return {
			kind: 'proven',
			party: issuer.party,
			name,
			fingerprint: fingerprintOf(leaf),
			...validityOf(leaf),
		};
	};

	return socket => {
		const proof = proofs.get(socket) ?? prove(socket);
		proofs.set(socket, proof);
		if (proof.kind !== 'proven') return proof;
		const now = clock.now();
		if (!(proof.from <= now && now <= proof.to)) return wrong('the certificate is not valid now');
		const entry = roster().find(proof.name);
		if (entry === undefined || entry.operator.party !== proof.party) {
			return wrong(`party ${proof.party} has no operator of that name`);
		}
		if (entry.certificate !== undefined && entry.certificate !== proof.fingerprint) {
			return wrong('the operator uses another certificate');
		}
		return { kind: 'right', entry, fingerprint: proof.fingerprint };
	};
}

function wrong(reason: string): { kind: 'wrong'; reason: string } {
	return { kind: 'wrong', reason };
}

function readRoot(party: string, pem: string): X509Certificate {
	let root: X509Certificate;
	try {
		root = new X509Certificate(pem);
	} catch (cause) {
		throw invalidRoot(`the root of ${party} is not a certificate`, cause);
	}
	if (!root.ca) throw invalidRoot(`the root of ${party} is not a certificate authority's`);
	return root;
}

function invalidRoot(message: string, cause?: unknown): BimetalError {
	return new BimetalError('PartyRootInvalid', message, { expose: false, cause });
}
