/** What stands in a log line where a credential would have stood. */
const REDACTED = '[redacted]';

// One expression for all names: every field of every line is held against it.
const SECRET_NAME =
	/pass[_-]?(?:word|wd|phrase)|secret|cookie|private[ _-]?key|[xc]srf|credential|tokens?[^a-z0-9]*$|authorization$|^api[_-]?key$|^pfx$|^pkcs12$|(?:authentication|encryption|shared)[ _-]?key|community(?:string)?$|keytab|^http[_-]?headers$/i;

/** Whether a field or header of this name holds a credential, in any spelling: `X-Auth-Token`, `newPassword`. */
export function isSecretName(name: string): boolean {
	return SECRET_NAME.test(name);
}

/** What every credential that scrubText finds in a text has somewhere; most texts have none of it. */
const SUSPICIOUS = /[?=:@]|-----|\b(?:basic|bearer|digest)\s/i;

/**
 * A text without the credentials that texts carry: query values of request targets, user info of URLs,
 * Authorization values, `password=…` and `X-Auth-Token: …` in messages, PEM private keys.
 */
export function scrubText(text: string): string {
	if (!SUSPICIOUS.test(text)) return text;
	return text
		.replace(/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, REDACTED)
		.replace(/\b(Basic|Bearer|Digest)\s+[\w+/=.~-]{4,}/gi, `$1 ${REDACTED}`)
		.replace(/([a-z][a-z0-9+.-]{0,20}:\/\/)[^/\s@?#"']{1,500}@/gi, `$1${REDACTED}@`)
		.replace(/\?[^\s"'<>\\]*/g, query => query.replace(/=[^&]*/g, '=…'))
		.replace(
			/([\w-]{1,40})(["']?\s*[:=]\s*)("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s"',;{}[\]]+)/g,
			(whole, name: string, between: string) => (isSecretName(name) ? `${name}${between}${REDACTED}` : whole),
		);
}

const DEEPEST = 16;
const LONGEST_TEXT = 16_384;

/**
 * A copy of `value` that is safe to log: plain data, no value under a secret name at any depth, every text
 * scrubbed, header lists (`[name, value, …]`) included. Errors keep type, code, message, stack and cause, but
 * no other property: those carry bodies. Never throws; cycles and what is too deep are named instead.
 */
export function withoutSecrets(value: unknown): unknown {
	return clean(value, [], 0);
}

function clean(value: unknown, above: readonly object[], depth: number): unknown {
	if (typeof value === 'string') {
		return scrubText(value.length > LONGEST_TEXT ? `${value.slice(0, LONGEST_TEXT)}…` : value);
	}
	if (typeof value === 'bigint' || typeof value === 'symbol') return scrubText(String(value));
	if (typeof value === 'function') return undefined;
	if (typeof value !== 'object' || value === null) return value;
	if (above.includes(value)) return '[circular]';
	if (depth >= DEEPEST) return '[too deep]';
	try {
		return cleanObject(value, [...above, value], depth + 1);
	} catch {
		return '[unreadable]';
	}
}

function cleanObject(value: object, above: readonly object[], depth: number): unknown {
	if (value instanceof Error) return cleanError(value, above, depth);
	if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
	if (Array.isArray(value)) {
		return value.map((member, index) => {
			const before: unknown = value[index - 1];
			return typeof before === 'string' && isSecretName(before) ? REDACTED : clean(member, above, depth);
		});
	}
	if ('toJSON' in value && typeof value.toJSON === 'function') return clean(value.toJSON(), above, depth);
	const entries =
		value instanceof Map || value instanceof Headers || value instanceof URLSearchParams
			? [...value.entries()].map(([name, member]: [unknown, unknown]) => [String(name), member] as const)
			: value instanceof Set
				? [['values', [...value]] as const]
				: Object.entries(value);
	const copy: Record<string, unknown> = Object.create(null);
	for (const [name, member] of entries) {
		copy[scrubText(name)] = isSecretName(name) ? REDACTED : clean(member, above, depth);
	}
	return copy;
}

function cleanError(error: Error, above: readonly object[], depth: number): unknown {
	const { code, status } = error as { code?: unknown; status?: unknown };
	return {
		type: error.name,
		...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
		...(typeof status === 'number' ? { status } : {}),
		message: clean(error.message, above, depth),
		...(error.stack === undefined ? {} : { stack: clean(error.stack, above, depth) }),
		...(error.cause === undefined ? {} : { cause: clean(error.cause, above, depth) }),
		...(error instanceof AggregateError ? { errors: clean(error.errors, above, depth) } : {}),
	};
}
