import { errorsOf } from '../errors/error-table.ts';

/** Every code with which the HTTP server kit answers or fails. */
export const httpErrorTable = {
	InvalidRequest: {
		status: 400,
		meaning: 'A parameter or the body does not fit its schema; the detail lists each misfit.',
	},
	BodyNotJson: { status: 400, meaning: 'The body is not JSON, or holds a key that no body may hold.' },
	BadRequest: { status: 400, meaning: 'The request cannot be read: broken encoding, or cut off.' },
	NotFound: { status: 404, meaning: 'There is nothing at this path.' },
	MethodNotAllowed: {
		status: 405,
		meaning: 'The path is there, the method is not; the Allow header lists those that are.',
	},
	BodyTooLarge: { status: 413, meaning: 'The body is longer than this service takes.' },
	UnsupportedBody: {
		status: 415,
		meaning: 'The body must be application/json in UTF-8, without content coding.',
	},
	Internal: {
		status: 500,
		meaning: 'A fault of the service; its log has the details under the same request id.',
	},
	PortTaken: {
		status: 500,
		meaning: 'Another program listens on this address and port: stop it or choose another port.',
	},
	PortForbidden: {
		status: 500,
		meaning: 'This user may not listen on this port: choose one from 1024 up, or grant the right.',
	},
	AddressUnknown: {
		status: 500,
		meaning: 'This machine has no such address to listen on: correct the host.',
	},
	ListenFailed: { status: 500, meaning: 'Listening failed for a reason that the message gives.' },
} as const;

export const httpErrors = errorsOf(httpErrorTable);
