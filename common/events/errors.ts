import { errorsOf } from '../errors/error-table.ts';

/** Every code with which publishing and subscribing fail. */
export const eventErrorTable = {
	EventsUnavailable: {
		status: 503,
		meaning: 'There is no connection to the broker, or it broke before the broker had the message.',
	},
	EventsRefused: {
		status: 500,
		meaning:
			'The broker refuses the user’s password or the subscription: correct the credential or its access list.',
	},
	TopicInvalid: { status: 500, meaning: 'A topic or pattern is not well formed.' },
	BrokerInvalid: {
		status: 500,
		meaning: 'The embedded broker’s users are not well formed; the message says which.',
	},
} as const;

export const eventErrors = errorsOf(eventErrorTable);
