/**
 * The one error class of the project: a fault with a code, the HTTP status it is answered with, and whether
 * its message may be shown to whoever asked. Expected outcomes (a denied request) are returned, not thrown.
 */
export class BimetalError extends Error {
	/** A stable name for programs, for instance `StoreClosed`; each service lists its codes in one table. */
	readonly code: string;
	/** HTTP status when it reaches a client. */
	readonly status: number;
	/** False: the client sees only the status; the message goes to the log. */
	readonly expose: boolean;
	/** For Retry-After (RFC 9110 section 10.2.3): after how many seconds another attempt has a chance. */
	readonly retryAfterSeconds: number | undefined;
	/** Response headers that belong to it, for instance the Allow of a 405; lower-case names. */
	readonly headers: Readonly<Record<string, string>>;

	constructor(
		code: string,
		message: string,
		options: {
			status?: number;
			expose?: boolean;
			cause?: unknown;
			retryAfterSeconds?: number;
			headers?: Readonly<Record<string, string>>;
		} = {},
	) {
		super(message, options.cause === undefined ? undefined : { cause: options.cause });
		this.name = 'BimetalError';
		this.code = code;
		this.status = options.status ?? 500;
		this.expose = options.expose ?? this.status < 500;
		this.retryAfterSeconds = options.retryAfterSeconds;
		this.headers = options.headers ?? {};
	}
}
