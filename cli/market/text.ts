import type { BidTerms } from '../../market/client.ts';

/** `2026-12-01 18:00Z`, with seconds where there are any. */
export function secondText(at: number): string {
	const text = new Date(at * 1000).toISOString().replace('T', ' ').replace('.000Z', '');
	return `${text.endsWith(':00') ? text.slice(0, -3) : text}Z`;
}

/** `7d`, `12h 30m`, `90s`. */
export function durationText(seconds: number): string {
	const units = [
		['d', 86_400],
		['h', 3600],
		['m', 60],
		['s', 1],
	] as const;
	let left = seconds;
	const parts: string[] = [];
	for (const [unit, size] of units) {
		const count = Math.floor(left / size);
		left -= count * size;
		if (count > 0) parts.push(`${count}${unit}`);
	}
	return parts.length > 0 ? parts.join(' ') : '0s';
}

/** A price in microcredits for a second, as credits for an hour: exact, since an hour has 3600 seconds. */
export function hourlyText(price: string): string {
	const micro = (BigInt(price) * 3600n).toString().padStart(7, '0');
	const part = micro.slice(-6).replace(/0+$/, '');
	return `${micro.slice(0, -6)}${part === '' ? '' : `.${part}`}/h`;
}

/** A bar of so many characters, filled as far as `part` of `whole` goes. */
export function bar(part: number, whole: number, width: number): string {
	const filled = whole === 0 ? 0 : Math.round((part / whole) * width);
	return '█'.repeat(filled) + '░'.repeat(width - filled);
}

/** Who attests leased servers, by what, and where they go then. */
export function attestationText(attestation: NonNullable<BidTerms['attestation']>): string {
	if (attestation.by !== 'provider') return attestation.by === 'own' ? "the project's own service" : 'nobody';
	const { policy = "the node's own or default", networks, payload } = attestation;
	const on = networks.map(({ nic, network }) => `${nic} on ${network}`).join(', ');
	return `the provider, by policy ${policy}; then ${on}${payload ? ', when its payload was released' : ''}`;
}
