import { createHash } from 'node:crypto';
import type { Identity } from './host.ts';

/** The MAC address of a simulated server's own network interface: locally administered, always the same for a name. */
export function hostMacOf(name: string): string {
	const digits = createHash('sha256').update(`host ${name}`).digest('hex');
	return `02:${(digits.slice(0, 10).match(/../g) ?? []).join(':')}`;
}

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
