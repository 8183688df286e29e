import { proxyErrors } from '../errors.ts';
import { verifyText } from '../governance/signing-key.ts';
import { approvalPurpose, renderStatement, type Statement } from './statement.ts';

/** A signature as it came with a decision. */
export interface Proof {
	/** When it was signed, milliseconds since the epoch. */
	readonly at: number;
	/** Base64. */
	readonly signature: string;
}

/** What is kept of a signed decision, for anybody to check who knows the operator's public key. */
export interface Signed {
	readonly statement: string;
	readonly signature: string;
}

/** How far the time of a statement may be from the proxy's own, milliseconds: clocks differ, and people read. */
const fresh = 5 * 60_000;

/**
 * Checks that an operator has signed this very decision. Who has a key signs everything; who has none decides
 * unsigned, unless the site asks for signatures.
 * @param key the operator's public key from the roster
 * @returns what to keep of it; undefined for an unsigned decision that may be
 * @throws SignatureRequired, SignatureRefused
 */
export function checkSignature(
	about: Omit<Statement, 'at'>,
	proof: Proof | undefined,
	{ key, isRequired, now }: { key: string | undefined; isRequired: boolean; now: number },
): Signed | undefined {
	if (key === undefined) {
		if (isRequired) {
			throw proxyErrors.SignatureRequired(
				`this site asks for signed decisions, and ${about.operator} has no key in its operators file`,
			);
		}
		if (proof)
			throw proxyErrors.SignatureRefused(`${about.operator} has no key that a signature could be of`);
		return undefined;
	}
	if (!proof) {
		throw proxyErrors.SignatureRequired(`${about.operator} has a key, and must sign what it is used for`);
	}
	if (Math.abs(now - proof.at) > fresh) {
		throw proxyErrors.SignatureRefused(
			`it was signed at ${new Date(proof.at).toISOString()}, and it is ${new Date(now).toISOString()} here; sign again`,
		);
	}
	const statement = renderStatement({ ...about, at: proof.at });
	if (!verifyText(key, approvalPurpose, statement, proof.signature)) {
		throw proxyErrors.SignatureRefused(
			`it is not ${about.operator}'s signature of this decision on request ${about.requestId}`,
		);
	}
	return { statement, signature: proof.signature };
}
