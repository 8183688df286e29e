import { errorsOf } from '../common/errors/error-table.ts';

/**
 * Every way in which hil turns a request away. The codes are HIL's error types, which clients of its interface go by;
 * each names a reason.
 */
export const hilErrorTable = {
	ValidationError: {
		status: 400,
		meaning:
			'The arguments do not fit the call: one is missing, unknown, given twice, or not of its kind. The message says which.',
	},
	BadArgumentError: {
		status: 400,
		meaning: 'An argument has a value that cannot be; the message says what can.',
	},
	AuthorizationError: {
		status: 401,
		meaning: 'No credential, a wrong one, or one that may not do this. The message says what it would take.',
	},
	NotFoundError: {
		status: 404,
		meaning: 'There is no such thing, or it is not where the call looks for it.',
	},
	DuplicateError: { status: 409, meaning: 'It is there already.' },
	ProjectMismatchError: {
		status: 409,
		meaning:
			'What the call brings together does not belong to the same project, or the project has no access.',
	},
	BlockedError: {
		status: 409,
		meaning:
			'Something else must be changed first: it is in use, or an action on it is pending. The message says what.',
	},
	IllegalStateError: { status: 409, meaning: 'This cannot be done in the state that things are in.' },
	TooBusyError: {
		status: 503,
		meaning: 'Too many log-ins are being checked, or too many failed. Try again after Retry-After.',
	},
	AuthenticatorAway: {
		status: 503,
		expose: true,
		meaning:
			'Who asks could not be found out: the identity service does not answer, or not hil. Nobody is let in on its word until it does; the log says more.',
	},
	AllocationError: {
		status: 500,
		expose: true,
		meaning:
			'Nothing is left to be allocated: every VLAN of the pool is taken. Delete a network or widen the pool.',
	},
	OBMError: {
		status: 500,
		expose: true,
		meaning: 'The node’s management controller, or the proxy in front of it, could not be asked or refused.',
	},
	SwitchAway: {
		status: 503,
		expose: true,
		meaning:
			'The switch did not answer. What is pending on it is tried again, less and less often, until it does.',
	},
	SwitchDeaf: {
		status: 502,
		expose: true,
		meaning: 'The switch said that a port was set, and shows something else. It is tried again a few times.',
	},
	SwitchRefused: {
		status: 502,
		expose: true,
		meaning:
			'The switch refused a change, or did not do what it said. The port is put back, and the action ends in ERROR with this text.',
	},
} as const;

export const hilErrors = errorsOf(hilErrorTable);
