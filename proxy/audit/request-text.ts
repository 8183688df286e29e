import { withoutSecrets } from '../../common/log/secrets.ts';
import type { CanonicalRequest, JsonValue } from '../canonicalise/canonical-request.ts';
import { boundBytes, digestRequest } from '../canonicalise/digest.ts';
import type { EvaluatedPolicy } from '../decide/decide.ts';
import { seenBy } from '../decide/hidden-policies.ts';
import type { AuditRecord } from './audit-record.ts';

type Decision = Extract<AuditRecord, { kind: 'decision' }>;

/** Bytes of a body that go on the record at most, and of one value that a policy used. */
const longestBody = 2048;
const longestValue = 256;
const mostValues = 32;

/**
 * What a decision record says of a request that would change something: the names of its query options, and its JSON body
 * with what looks like a credential replaced. Nothing for reads, of which there are many.
 */
export function requestText(request: CanonicalRequest): Decision['request'] {
	if (isRead(request)) return undefined;
	const text = bodyText(request);
	const { image } = request;
	return {
		body: text === undefined ? null : bounded(text, longestBody),
		contentType: request.contentType ?? null,
		query: request.query.map(([name]) => name),
		size: request.bytes?.length ?? 0,
		...(image && { image: { sha256: image.sha256, size: image.size, fileName: image.fileName ?? null } }),
	};
}

/**
 * The digest of a change that was decided at once: as that of a request that waits, with an empty nonce, and over the JSON
 * body with its secrets replaced. Whoever holds the request can check it; a password cannot be guessed from it.
 */
export function requestDigest(request: CanonicalRequest, bmc: string, policyVersion: string): string | null {
	if (isRead(request)) return null;
	const { method, path, query, ifMatch, contentType } = request;
	const body = withoutSecretsOf(request);
	const bytes = body === undefined ? request.bytes : Buffer.from(JSON.stringify(body));
	const bodyBytes = boundBytes({ body, bytes, image: request.image });
	return digestRequest({
		method,
		path,
		query,
		ifMatch,
		contentType,
		bodyBytes,
		bmc,
		policyVersion,
		nonce: '',
	});
}

/**
 * Each policy as it came out, with the values that it used as JSON texts. All parties read the log, and all must read
 * the same: of what a party hides, it says no more than whether it held.
 */
export function policyRecords(policies: readonly EvaluatedPolicy[]): Decision['policies'] {
	return seenBy(undefined, policies).map(({ party, operation, expression, holds, reason, values }) => ({
		party,
		operation,
		expression,
		holds,
		reason,
		...(values.length > 0 && {
			values: values.slice(0, mostValues).map(used => ({
				expression: used.expression,
				value: bounded(JSON.stringify(used.value), longestValue),
			})),
		}),
	}));
}

const isRead = ({ method }: CanonicalRequest): boolean => method === 'GET' || method === 'HEAD';

function bodyText({ body }: CanonicalRequest): string | undefined {
	const shown = withoutSecretsOf({ body });
	return shown === undefined ? undefined : JSON.stringify(shown);
}

const withoutSecretsOf = ({ body }: Pick<CanonicalRequest, 'body'>): JsonValue | undefined =>
	body === undefined ? undefined : (withoutSecrets(body) as JsonValue);

/** At most so many bytes of UTF-8, an ellipsis included where something was left out. */
function bounded(text: string, bytes: number): string {
	// No character of a JSON text takes more than three bytes for each of its units.
	if (text.length * 3 <= bytes || Buffer.byteLength(text) <= bytes) return text;
	const { read } = new TextEncoder().encodeInto(text, new Uint8Array(bytes - 3));
	return `${text.slice(0, read)}…`;
}
