/** Letters and digits: whatever passes a password on by shell, form or YAML leaves them alone. */
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/**
 * A random password that a BMC takes: with a capital, a small letter and a digit, as long as it allows up to 20
 * characters (IPMI's longest, which OpenBMC keeps to): 119 bits.
 * @param random as node:crypto's randomBytes
 */
export function newPassword(random: (bytes: number) => Uint8Array, longest = 20): string {
	const length = Math.max(12, Math.min(20, longest));
	for (;;) {
		// Bytes from 248 on are left out, so that each of the 62 characters is as likely.
		const text = Array.from(random(length * 2))
			.filter(byte => byte < 248)
			.slice(0, length)
			.map(byte => alphabet[byte % 62])
			.join('');
		if (text.length === length && /[A-Z]/.test(text) && /[a-z]/.test(text) && /[0-9]/.test(text)) return text;
	}
}
