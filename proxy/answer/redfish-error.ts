import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { type Answer, jsonAnswer } from './answer.ts';

/**
 * The only place that turns a fault into Redfish's error body (DSP0266 §8.6): a `@Message.ExtendedInfo` whose
 * MessageId is one of the Base registry where that has a fitting message, or one of ours.
 */
export function renderRedfishError(fault: unknown, headers: Record<string, string> = {}): Answer {
	const error =
		fault instanceof BimetalError
			? fault
			: new BimetalError('InternalError', 'internal fault', { status: 500, cause: fault });
	const text = error.expose
		? error.message
		: 'The proxy could not handle the request because of a fault of its own; see its log.';
	return redfishMessage(error.status, error.code, text, {
		...(error.status === 401 && { 'www-authenticate': 'Basic realm="Bimetal", charset="UTF-8"' }),
		...headers,
	});
}

/** Base registry 1.19 ids for codes whose meaning is the same there; every other code becomes `Bimetal.1.0.<code>`. */
const baseMessages: Readonly<Record<string, string>> = {
	InternalError: 'InternalError',
	Unauthenticated: 'NoValidSession',
	NotFound: 'ResourceMissingAtURI',
	MethodNotAllowed: 'OperationNotAllowed',
	MalformedJson: 'MalformedJSON',
	DuplicateKey: 'MalformedJSON',
	UnknownQuery: 'QueryNotSupported',
	PreconditionFailed: 'PreconditionFailed',
	BodyTooLarge: 'PayloadTooLarge',
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
		Resolution: resolutions[code] ?? 'Correct the request as the message says and send it again.',
	};
	return jsonAnswer(
		status,
		{ error: { '@Message.ExtendedInfo': [message], code: id, message: text } },
		{ 'cache-control': 'no-store', ...headers },
	);
}

const resolutions: Readonly<Record<string, string>> = {
	InternalError: 'Ask whoever runs the proxy to look into its log.',
	Unauthenticated: 'Log in as an operator of a party: a Redfish session, Basic or a client certificate.',
	NotFound: 'Check the path. A resource that a policy hides from you answers like one that does not exist.',
	UnknownOperation:
		'Ask the parties to add such a row to the authorization table (policies/operations.yaml).',
	PolicyDenied: 'Wait until the policy holds, or ask the party that wrote it.',
	BmcUnreachable: 'Check that the BMC is up and that its certificate is the one enrolled; nothing was sent.',
	BmcNoAnswer: 'The request may have reached the BMC: look at the resource before you repeat it.',
	BmcGarbage: 'The BMC broke the protocol; look at the resource before you repeat the request.',
};
