import { BimetalError } from '../common/errors/bimetal-error.ts';
import { attestHints } from './attest/hint-table.ts';
import { type CliContext, commandName } from './context.ts';
import { exitCodes, exitOfError } from './exit-codes.ts';
import { hilHints } from './hil/hints.ts';
import { marketHints } from './market/hints.ts';
import { provisionerHints } from './provisioner/hints.ts';
import { proxyHints } from './proxy/hints.ts';
import { storeHints } from './proxy/store-hints.ts';
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

/** What to do next, by the code of an error; those of services stand with what calls them. */
export const hints: Readonly<Record<string, (bimetal: string) => string>> = {
	ConfigInvalid: () => 'mend what is listed above, all of it was found at once',
	Usage: bimetal => `${bimetal} help`,
	BadProxyUrl: bimetal => `${bimetal} login https://127.0.0.1:8443 --user NAME`,
	NotLoggedIn: bimetal => `${bimetal} login URL --user NAME`,
	CredentialRefused: () => 'the user name and password that the site gave you; passwords are case-sensitive',
	ProxyUnreachable: bimetal => `is the proxy running? '${bimetal} up' starts one here`,
	ProxyNotTrusted: () =>
		"give the site CA's certificate with --ca FILE; if the certificate changed unexpectedly, ask the site first",
	NoAnswer: bimetal => `${bimetal} requests — the call may have been taken; look before you repeat it`,
	BadAnswer: () => 'is this URL the proxy, or hil, of this version of bimetal?',
	Interrupted: bimetal => `${bimetal} requests — what was asked already goes on`,
	NoSuchConsole: bimetal => `${bimetal} console --list — those that your party has agreed to`,
	EnrolmentBusy: () => 'wait until the other process has ended',
	EnrolmentConflict: bimetal => `${bimetal} bmc release NAME --password-file FILE, when it is to be undone`,
	NotEnrolled: bimetal =>
		`${bimetal} bmcs — lists the BMCs; --site FILE names their site; of nodes: ${bimetal} attest enrolments`,
	CertificateDiffers: () =>
		'look on the way who answers there; after a deliberate change release it and enrol it',
	BmcLoginRefused: () =>
		"the account's present password; whoever owns the BMC can set it at the server itself",
	BmcRefuses: bimetal => `${bimetal} bmc enrol NAME … --dry-run, and look at the BMC's own log`,
	ThresholdRefused: () => '--threshold 2, or more',
	RecoveryKeyMissing: bimetal =>
		`${bimetal} party recovery-key --out FILE — the party makes it, FILE.pub goes into the site file`,
	SiteNotContained: () => 'move what the site file names into a folder of its own',
	ShareUnreadable: () => "the party's share of this backup, as it was written",
	ShareNotOpened: bimetal => `${bimetal} backup open-share SHARE --key KEY --out FILE — by its party`,
	ShareNotYours: () => 'the private key whose public key stood in the site file when the backup was made',
	ShareForeign: () => 'the shares that were written with this very backup',
	SharesTooFew: () => '--share FILE once for each party',
	SharesWrong: () => "open the parties' shares again, from the files that were written with the backup",
	BackupUnreadable: () => 'another copy of the backup: nothing was restored from this one',
	RestoreTargetTaken: () => '--to a folder that is not there yet',
	SnapshotRefused: () => "the proxy's log",
	ImageRefused: () => 'the image as it was built or downloaded, and its own SHA-256',
	LayerRefused: () => '--out with a folder that is not there yet',
	MachineUnknown: bimetal => `${bimetal} qemu openbmc --image FILE --machine NAME`,
	RedfishSilent: bimetal =>
		`${bimetal} qemu openbmc … --console, a longer --timeout, or the --machine that the image is for`,
	QemuFailed: () => 'what QEMU complains of; where a port is taken, 0 takes a free one',
	BoardFailed: bimetal => `${bimetal} qemu firmware boot --console`,
	DiskDiffers: () => 'the disk is kept until you delete it yourself',
	PartMissing: bimetal => `${bimetal} qemu parts — lists what else is missing`,
	...attestHints,
	...proxyHints,
	...hilHints,
	...provisionerHints,
	...marketHints,
	...storeHints,
};

const statusHints: Readonly<Record<number, (bimetal: string) => string>> = {
	401: bimetal => `${bimetal} login URL --user NAME — the session may have ended`,
	403: bimetal => `${bimetal} policies — shows who must authorize what`,
	404: bimetal => `${bimetal} requests, ${bimetal} bmcs — show what there is`,
	409: bimetal => `${bimetal} request ID — shows its state now`,
	412: bimetal => `read the resource again with '${bimetal} get PATH -i' and use its new ETag`,
};

/** Faults of files and folders that nobody foresaw: they are the user's to mend, not ours. */
const fileHints: Readonly<Record<string, string>> = {
	EACCES: 'you may not do that there',
	EISDIR: 'that is a folder, a file is needed',
	ENOSPC: 'the disk is full',
	ENOTDIR: 'what should be a folder on the way there is a file',
	EPERM: 'you may not do that there',
	EROFS: 'that file system cannot be written to',
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
	const { code: cause = '', path } = (error ?? {}) as Partial<NodeJS.ErrnoException>;
	const why = fileHints[cause];
	if (why !== undefined && path !== undefined)
		return { exitCode: exitCodes.usage.code, code: 'FileUnusable', message, tryNext: `${path}: ${why}` };
	const tryNext =
		(error as Partial<Hinted> | undefined)?.tryNext ?? 'this is a fault in bimetal: please report it';
	return { exitCode: exitCodes.fault.code, code: 'Fault', message, tryNext };
}

const ofLines = new Set(['ConfigInvalid', 'RedfishSilent', 'ConsoleSilent', 'BoardFailed']);

/** Prints an error: text on stderr; with `json` also one document on stdout, for programs. */
export function reportFailure(context: CliContext, failure: Failure, json: boolean): void {
	const { exitCode, code, message, tryNext } = failure;
	// Only our own lists of problems and quoted consoles have lines of their own; what others wrote does not get any.
	const lines = ofLines.has(code) ? message.split('\n') : [message];
	context.stderr.write(
		`bimetal: ${lines.map(line => visible(line)).join('\n         ')}\n  try: ${visible(tryNext)}\n`,
	);
	if (json) {
		context.stdout.write(
			`${JSON.stringify({ error: { code, message, try: tryNext, exit: exitCode } }, null, 2)}\n`,
		);
	}
}
