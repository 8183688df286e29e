import { createHash } from 'node:crypto';
import type { Identity } from './host.ts';

/** An identity of its own for every name, as far as none is given. */
export function completeIdentity(name: string, given: Partial<Identity> | undefined): Identity {
	const digits = createHash('sha256').update(name).digest('hex');
	return {
		serial: `BM-${name.toUpperCase()}`,
		uuid: `${digits.slice(0, 8)}-${digits.slice(8, 12)}-4000-8000-${digits.slice(12, 24)}`,
		model: 'BM-1000',
		manufacturer: 'Bimetal',
		assetTag: name,
		// Locally administered (IEEE 802, the second bit of the first octet).
		mac: `02:${(digits.slice(0, 10).match(/../g) ?? []).join(':')}`,
		...given,
	};
}
