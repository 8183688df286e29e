import { errorsOf } from '../../common/errors/error-table.ts';

/** What can be wrong with following events and with subscriptions to them. */
export const eventErrorTable = {
	TooManyStreams: {
		status: 429,
		meaning: 'The operator, or the site, has as many event streams open as it may. Close one.',
	},
	StreamEnded: {
		status: 503,
		expose: true,
		meaning: 'The proxy is being stopped. Follow the events again in a while.',
	},
} as const;

export const eventErrors = errorsOf(eventErrorTable);
