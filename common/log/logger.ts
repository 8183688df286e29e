import pino from 'pino';
import { scrubText, withoutSecrets } from './secrets.ts';

export type LogFields = Readonly<Record<string, unknown>>;
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/**
 * Structured logging, one JSON object a line. Fields first, then what happened in words. An error goes under
 * `err`. No credential gets through, wherever in the fields it stands: see secrets.ts.
 */
export interface Logger {
	debug: LogMethod;
	info: LogMethod;
	warn: LogMethod;
	error: LogMethod;
	/** A logger whose every line carries these fields as well. */
	child(fields: LogFields): Logger;
}

export interface LogMethod {
	(message: string): void;
	(fields: LogFields, message: string): void;
}

export interface LoggerOptions {
	readonly service: string;
	/** `info` when absent. */
	readonly level?: LogLevel;
	/** Standard output when absent. */
	readonly destination?: { write(line: string): void };
}

export function createLogger({ service, level = 'info', destination }: LoggerOptions): Logger {
	const options: pino.LoggerOptions = {
		level,
		base: { service },
		timestamp: pino.stdTimeFunctions.isoTime,
		formatters: { level: label => ({ level: label }) },
		// Errors arrive here as plain data already; pino's own serializer would copy their properties.
		serializers: { err: value => value as unknown },
	};
	return wrap(destination ? pino(options, destination) : pino(options));
}

/** For tests, and for parts that are used without a service around them. */
export const silentLogger: Logger = Object.freeze({
	debug: ignore,
	info: ignore,
	warn: ignore,
	error: ignore,
	child: () => silentLogger,
});

function ignore(): void {
	// A silent logger says nothing.
}

function wrap(inner: pino.Logger): Logger {
	const method = (level: 'debug' | 'info' | 'warn' | 'error'): LogMethod => {
		return (first: LogFields | string, message?: string) => {
			if (!inner.isLevelEnabled(level)) return;
			// A message is one argument for pino: a `%s` in it is text, never a format.
			if (typeof first === 'string') inner[level]({ msg: scrubText(first) });
			else inner[level]({ ...(withoutSecrets(first) as object), msg: scrubText(message ?? '') });
		};
	};
	return Object.freeze({
		debug: method('debug'),
		info: method('info'),
		warn: method('warn'),
		error: method('error'),
		child: (fields: LogFields) => wrap(inner.child({ ...(withoutSecrets(fields) as object) })),
	});
}
