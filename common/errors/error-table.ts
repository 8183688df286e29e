import { BimetalError } from './bimetal-error.ts';

/** What a code stands for; the documents list these. */
export interface ErrorEntry {
	/** HTTP status when it reaches a client. */
	readonly status: number;
	/** Whether the client may read the message; when absent, only below 500. */
	readonly expose?: boolean;
	/** One sentence: when it happens and what to do. */
	readonly meaning: string;
}

export type ErrorTable = Readonly<Record<string, ErrorEntry>>;

type MakeError = (
	message: string,
	options?: {
		readonly cause?: unknown;
		readonly retryAfterSeconds?: number;
		readonly headers?: Readonly<Record<string, string>>;
	},
) => BimetalError;

/**
 * Makers for the errors of a table, one per code: `throw errors.PortTaken('port 8443 is taken')`. Each service
 * declares all its codes in one table, so that none is thrown that the table, and the documents, do not have.
 */
export function errorsOf<const T extends ErrorTable>(table: T): { readonly [Code in keyof T]: MakeError } {
	const makers = Object.entries(table).map(([code, entry]) => {
		const make: MakeError = (message, options = {}) =>
			new BimetalError(code, message, {
				status: entry.status,
				...(entry.expose === undefined ? {} : { expose: entry.expose }),
				...(options.cause === undefined ? {} : { cause: options.cause }),
				...(options.retryAfterSeconds !== undefined && { retryAfterSeconds: options.retryAfterSeconds }),
				...(options.headers === undefined ? {} : { headers: options.headers }),
			});
		return [code, make] as const;
	});
	return Object.freeze(Object.fromEntries(makers)) as { readonly [Code in keyof T]: MakeError };
}
