import { BimetalError } from '../common/errors/bimetal-error.ts';
import { type CliContext, commandName } from './context.ts';
import { exitCodes, exitOfError } from './exit-codes.ts';
import { visible } from './visible.ts';

/** An error that knows what the user can do next. */
export interface Hinted {
	readonly tryNext: string;
}

/** A wrong command line or file: exit 2. */
export function usageError(message: string, tryNext: string): BimetalError & Hinted {
	return hinted(new BimetalError('Usage', message, { status: 400 }), tryNext);
}

/** The same error with a line that says what to do next. */
export function hinted<E extends Error>(error: E, tryNext: string): E & Hinted {
	return Object.assign(error, { tryNext });
}

const hints: Readonly<Record<string, (bimetal: string) => string>> = {
	ConfigInvalid: () => 'mend what is listed above, all of it was found at once',
	Usage: bimetal => `${bimetal} help`,
	BadProxyUrl: bimetal => `${bimetal} login https://127.0.0.1:8443 --user NAME`,
	NotLoggedIn: bimetal => `${bimetal} login URL --user NAME`,
	CredentialRefused: () => 'the user name and password that the site gave you; passwords are case-sensitive',
	ProxyUnreachable: bimetal => `is the proxy running? '${bimetal} up' starts one here`,
	ProxyNotTrusted: () =>
		"give the site CA's certificate with --ca FILE; if the certificate changed unexpectedly, ask the site first",
	NoAnswer: bimetal => `${bimetal} requests — the call may have been taken; look before you repeat it`,
	BadAnswer: () => 'is this URL the proxy of this version of bimetal?',
	Interrupted: bimetal => `${bimetal} requests — what was asked already goes on`,
};

const statusHints: Readonly<Record<number, (bimetal: string) => string>> = {
	401: bimetal => `${bimetal} login URL --user NAME — the session may have ended`,
	403: bimetal => `${bimetal} policies — shows who must authorize what`,
	404: bimetal => `${bimetal} requests, ${bimetal} bmcs — show what there is`,
	409: bimetal => `${bimetal} request ID — shows its state now`,
	412: bimetal => `read the resource again with '${bimetal} get PATH -i' and use its new ETag`,
};

export interface Failure {
	readonly exitCode: number;
	readonly code: string;
	readonly message: string;
	readonly tryNext: string;
}

/** What to tell the user of an error, and the exit code it ends with. Never a stack trace. */
export function describeFailure(error: unknown, context: CliContext): Failure {
	const bimetal = commandName(context);
	if (error instanceof BimetalError) {
		const hint = hints[error.code] ?? statusHints[error.status];
		return {
			exitCode: exitCodes[exitOfError(error.code, error.status)].code,
			code: error.code,
			message: error.message,
			tryNext: (error as Partial<Hinted>).tryNext ?? hint?.(bimetal) ?? `${bimetal} help exit-codes`,
		};
	}
	const message = error instanceof Error ? error.message : String(error);
	const tryNext =
		(error as Partial<Hinted> | undefined)?.tryNext ?? 'this is a fault in bimetal: please report it';
	return { exitCode: exitCodes.fault.code, code: 'Fault', message, tryNext };
}

/** Prints an error: text on stderr; with `json` also one document on stdout, for programs. */
export function reportFailure(context: CliContext, failure: Failure, json: boolean): void {
	const { exitCode, code, message, tryNext } = failure;
	// Only our own lists of problems have lines of their own; what others wrote does not get any.
	const lines = code === 'ConfigInvalid' ? message.split('\n') : [message];
	context.stderr.write(
		`bimetal: ${lines.map(line => visible(line)).join('\n         ')}\n  try: ${visible(tryNext)}\n`,
	);
	if (json) {
		context.stdout.write(
			`${JSON.stringify({ error: { code, message, try: tryNext, exit: exitCode } }, null, 2)}\n`,
		);
	}
}
