import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { proxyErrors, proxyErrorTable } from '../errors.ts';
import { eventErrorTable } from '../events/errors.ts';
import { filterErrorTable } from '../filter/errors.ts';
import { type Answer, jsonAnswer } from './answer.ts';

/**
 * The only place that turns a fault into Redfish's error body (DSP0266 §8.6): a `@Message.ExtendedInfo` whose
 * MessageId is one of the Base registry where that has a fitting message, or one of ours.
 */
export function renderRedfishError(fault: unknown, headers: Record<string, string> = {}): Answer {
	const error =
		fault instanceof BimetalError ? fault : proxyErrors.InternalError('internal fault', { cause: fault });
	const text = error.expose
		? error.message
		: 'The proxy could not handle the request because of a fault of its own; see its log.';
	return redfishMessage(error.status, error.code, text, {
		...(error.status === 401 && { 'www-authenticate': 'Basic realm="Bimetal", charset="UTF-8"' }),
		...(error.retryAfterSeconds !== undefined && { 'retry-after': String(error.retryAfterSeconds) }),
		...error.headers,
		...headers,
	});
}

/** Codes whose meaning a message of the Base registry 1.19 has; every other one becomes `Bimetal.1.0.<code>`. */
const baseMessages: Readonly<Record<string, string>> = {
	InternalError: 'InternalError',
	Unauthenticated: 'NoValidSession',
	NotFound: 'ResourceMissingAtURI',
	TargetUnknown: 'ResourceMissingAtURI',
	MethodNotAllowed: 'OperationNotAllowed',
	QueryUnknown: 'QueryNotSupported',
	QueryValue: 'QueryParameterValueFormatError',
	QueryDuplicate: 'QueryCombinationInvalid',
	QueryNotOnMethod: 'QueryNotSupportedOnOperation',
	QueryParameterValueFormatError: 'QueryParameterValueFormatError',
	QueryParameterOutOfRange: 'QueryParameterOutOfRange',
	QueryCombinationInvalid: 'QueryCombinationInvalid',
	QueryNotSupportedOnResource: 'QueryNotSupportedOnResource',
	PreconditionFailed: 'PreconditionFailed',
	ODataVersionUnknown: 'HeaderInvalid',
	BodyTooLarge: 'PayloadTooLarge',
	NoOperation: 'NoOperation',
	PropertyNotWritable: 'PropertyNotWritable',
	PropertyValueOutOfRange: 'PropertyValueOutOfRange',
};

export function redfishMessage(
	status: number,
	code: string,
	text: string,
	headers: Record<string, string> = {},
): Answer {
	const base = baseMessages[code];
	const id = base ? `Base.1.19.${base}` : `Bimetal.1.0.${code}`;
	const message = {
		'@odata.type': '#Message.v1_1_1.Message',
		Message: text,
		MessageArgs: [],
		MessageId: id,
		MessageSeverity: status >= 500 ? 'Critical' : 'Warning',
		Resolution: resolutionOf(code, status),
	};
	return jsonAnswer(
		status,
		{ error: { '@Message.ExtendedInfo': [message], code: id, message: text } },
		{ 'cache-control': 'no-store', ...headers },
	);
}

/** What docs/errors.md says of the codes that end in a Redfish body. */
const meanings: Readonly<Record<string, { readonly meaning: string } | undefined>> = {
	...filterErrorTable,
	...eventErrorTable,
	...proxyErrorTable,
};

function resolutionOf(code: string, status: number): string {
	const entry = Object.hasOwn(meanings, code) ? meanings[code] : undefined;
	if (entry) return entry.meaning;
	if (status === 429) return 'Wait as long as Retry-After says before the next attempt.';
	if (status === 503) return 'Nothing is wrong with the request: send it again later.';
	return 'Correct the request as the message says and send it again.';
}
