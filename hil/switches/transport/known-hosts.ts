import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** SHA-256 fingerprints (`SHA256:…`, as ssh-keygen shows them) of the keys that a switch may show; none: it is not known. */
export type KnownHosts = (host: string, port: number) => readonly string[];

interface KnownKey {
	matches(name: string): boolean;
	readonly fingerprint: string;
	readonly isRevoked: boolean;
}

/** Of a public key in the wire format of RFC 4253, section 6.6; as OpenSSH writes it. */
export const fingerprintOf = (key: Buffer): string =>
	`SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;

/**
 * Reads a file of OpenSSH's known_hosts format (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT): plain and hashed names,
 * patterns, `[host]:port`, `@revoked`. What `@cert-authority` says is left out: host certificates are not accepted. A
 * host at another port than 22 is known by `[host]:port` alone; OpenSSH would also take the key of the port 22.
 * @throws Error that names the line that cannot be read: one that was meant to revoke a key must not be passed over
 */
export function parseKnownHosts(text: string): KnownHosts {
	const keys = text.split(/\r?\n/).flatMap((line, index) => {
		try {
			return readLine(line.trim());
		} catch (cause) {
			throw new Error(`line ${index + 1} of the known hosts: ${(cause as Error).message}`, { cause });
		}
	});
	return (host, port) => {
		const name = port === 22 ? host.toLowerCase() : `[${host.toLowerCase()}]:${port}`;
		const known = keys.filter(key => key.matches(name));
		const revoked = new Set(known.filter(key => key.isRevoked).map(key => key.fingerprint));
		return [...new Set(known.map(key => key.fingerprint))].filter(each => !revoked.has(each));
	};
}

function readLine(line: string): KnownKey[] {
	if (line === '' || line.startsWith('#')) return [];
	const words = line.split(/[ \t]+/);
	const marker = words[0]?.startsWith('@') ? words.shift() : undefined;
	if (marker === '@cert-authority') return [];
	if (marker !== undefined && marker !== '@revoked') throw new Error(`${marker} is no marker`);
	const [names = '', type = '', base64 = ''] = words;
	if (base64 === '') throw new Error('expected NAMES TYPE KEY');
	const key = Buffer.from(base64, 'base64');
	if (key.toString('base64').replace(/=+$/, '') !== base64.replace(/=+$/, ''))
		throw new Error('the key is not in base64');
	if (typeIn(key) !== type) throw new Error(`the key is not of type ${type}`);
	return [{ matches: nameMatcher(names), fingerprint: fingerprintOf(key), isRevoked: marker !== undefined }];
}

/** The key's own word for what it is: a length of four bytes, and so many letters. */
function typeIn(key: Buffer): string | undefined {
	if (key.length < 4) return undefined;
	const length = key.readUInt32BE(0);
	return length > 64 || key.length < 4 + length ? undefined : key.toString('latin1', 4, 4 + length);
}

function nameMatcher(names: string): (name: string) => boolean {
	if (names.startsWith('|')) return hashMatcher(names);
	const patterns = names.toLowerCase().split(',');
	const yes = patterns.filter(each => !each.startsWith('!')).map(globOf);
	const no = patterns.filter(each => each.startsWith('!')).map(each => globOf(each.slice(1)));
	return name => yes.some(each => each.test(name)) && !no.some(each => each.test(name));
}

/** `*` and `?`; brackets stand for themselves. */
const globOf = (pattern: string): RegExp =>
	new RegExp(
		`^${pattern
			.replace(/[\\^$.|+()[\]{}]/g, '\\$&')
			.replaceAll('*', '.*')
			.replaceAll('?', '.')}$`,
	);

/** `|1|salt|hash`: HMAC-SHA1 of the name under the salt, both in base64. */
function hashMatcher(names: string): (name: string) => boolean {
	const parts = /^\|1\|([A-Za-z0-9+/=]+)\|([A-Za-z0-9+/=]+)$/.exec(names);
	const salt = Buffer.from(parts?.[1] ?? '', 'base64');
	const hash = Buffer.from(parts?.[2] ?? '', 'base64');
	if (hash.length !== 20) throw new Error('expected a hashed name: |1|SALT|HASH');
	return name => timingSafeEqual(createHmac('sha1', salt).update(name).digest(), hash);
}
