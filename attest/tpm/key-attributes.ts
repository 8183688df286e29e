import { accept, type Outcome, refuse } from '../outcome.ts';
import type { PublicArea } from './public-area.ts';

/** TPMA_OBJECT (TPM 2.0 Part 2, section 8.3). */
const BITS = {
	fixedTPM: 1 << 1,
	fixedParent: 1 << 4,
	sensitiveDataOrigin: 1 << 5,
	userWithAuth: 1 << 6,
	restricted: 1 << 16,
	decrypt: 1 << 17,
	sign: 1 << 18,
} as const;

type Attribute = keyof typeof BITS;

/**
 * An attestation key signs what the TPM itself has made, and nothing else: `restricted`. Any other key of the same TPM
 * activates a credential as well, and then signs a forged quote.
 */
export function checkAttestationKey(area: PublicArea): Outcome<void> {
	const unfit = attributesOf('the attestation key', area, {
		with: ['fixedTPM', 'fixedParent', 'sensitiveDataOrigin', 'userWithAuth', 'restricted', 'sign'],
		without: ['decrypt'],
	});
	if (unfit) return unfit;
	if (!area.scheme) return refuse('KeyUnfit', 'the attestation key has no signature scheme');
	for (const hash of [area.nameAlg, area.scheme.hash])
		if (hash === 'sha1') return refuse('KeyUnfit', 'the attestation key uses SHA-1');
	return accept(undefined);
}

/** An endorsement key opens credentials, and never leaves its TPM (TCG EK Credential Profile, templates L-1 to H-7). */
export function checkEndorsementKey(area: PublicArea): Outcome<void> {
	const unfit = attributesOf('the endorsement key', area, {
		with: ['fixedTPM', 'fixedParent', 'sensitiveDataOrigin', 'restricted', 'decrypt'],
		without: ['sign'],
	});
	if (unfit) return unfit;
	if (!area.symmetric) return refuse('KeyUnfit', 'the endorsement key is no storage key');
	if (area.nameAlg === 'sha1') return refuse('KeyUnfit', 'the endorsement key uses SHA-1');
	return accept(undefined);
}

function attributesOf(
	what: string,
	area: PublicArea,
	rule: { with: readonly Attribute[]; without: readonly Attribute[] },
): Outcome<never> | undefined {
	const has = (name: Attribute) => (area.attributes & BITS[name]) !== 0;
	if (rule.with.every(has) && !rule.without.some(has)) return undefined;
	const wrong = [
		...rule.with.filter(name => !has(name)).map(name => `is not ${name}`),
		...rule.without.filter(has).map(name => `is ${name}`),
	];
	return wrong.length > 0 ? refuse('KeyUnfit', `${what} ${wrong.join(', ')}`) : undefined;
}
