import { errorsOf } from '../../common/errors/error-table.ts';

/** What can be wrong with following events and with subscriptions to them. */
export const eventErrorTable = {
	SubscriptionInvalid: {
		status: 400,
		meaning:
			'The body does not fit an event destination, a test event or the event service; the message says where.',
	},
	DestinationNotAllowed: {
		status: 403,
		meaning:
			'The site file does not let this party have events pushed there. The message says what to write in it.',
	},
	TooManyStreams: {
		status: 429,
		meaning: 'The operator, or the site, has as many event streams open as it may. Close one.',
	},
	TooManySubscriptions: {
		status: 429,
		meaning: 'The party has as many subscriptions at this BMC as it may. Delete one.',
	},
	StreamEnded: {
		status: 503,
		expose: true,
		meaning: 'The proxy is being stopped. Follow the events again in a while.',
	},
} as const;

export const eventErrors = errorsOf(eventErrorTable);
