import { randomBytes } from 'node:crypto';
import { userInfo } from 'node:os';
import path from 'node:path';
import { type Console, hostConsole } from '../../proxy/enrol/console.ts';
import { type EnrolRequest, enrolBmc, planEnrolment } from '../../proxy/enrol/enrol.ts';
import { newPassword } from '../../proxy/enrol/new-password.ts';
import { releaseBmc } from '../../proxy/enrol/release.ts';
import { readNamedFile } from '../connection.ts';
import { type CliContext, commandName } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { usageError } from '../failure.ts';
import { printJson, printLine } from '../output.ts';
import { askSecret, confirm } from '../prompt.ts';
import { sameFingerprint } from '../trust.ts';
import { visible } from '../visible.ts';

export interface EnrolOptions {
	readonly url: string;
	readonly username: string;
	readonly passwordFile?: string;
	readonly fingerprint?: string;
	readonly site?: string;
	readonly rack?: string;
	readonly keepAccount?: readonly string[];
	readonly accounts: 'disable' | 'delete';
	readonly dryRun?: boolean;
	readonly json?: boolean;
}

/** `bimetal bmc enrol NAME` */
export async function enrol(context: CliContext, name: string, options: EnrolOptions): Promise<number> {
	const at = consoleOf(context, options.site);
	const wanted: EnrolRequest = {
		name: siteName(context, name),
		url: bmcUrl(options.url),
		username: options.username,
		password: await presentPassword(context, options),
		rack: options.rack === undefined ? undefined : siteName(context, options.rack),
		keep: options.keepAccount ?? [],
		accounts: options.accounts,
		trust: shown => trust(context, name, shown, options.fingerprint),
	};
	if (options.dryRun) {
		const plan = await planEnrolment(at, wanted);
		if (options.json) printJson(context, { bmc: name, dryRun: true, ...plan });
		else {
			printLine(context, `${name} would get a new password, and these doors would be shut:`);
			for (const door of plan.shut) printLine(context, `  ${visible(door)}`);
			if (plan.shut.length === 0) printLine(context, '  (none is open)');
		}
		return exitCodes.ok.code;
	}
	const done = await enrolBmc(at, wanted);
	const { block, ...outcome } = done;
	if (options.json)
		printJson(context, {
			bmc: name,
			...outcome,
			siteFile: at.siteFile ?? null,
			...(!at.siteFile && { block }),
		});
	else if (at.siteFile) {
		const added = done.added ? `and added to ${at.siteFile}` : 'and was in the site file already';
		printLine(context, `${name} is enrolled ${visible(added)}; start the proxy again for it to take it up.`);
	} else {
		printLine(context, `${name} is enrolled. Add this to the site file:\n`);
		for (const line of block.trimEnd().split('\n')) printLine(context, visible(line));
	}
	return stillOpen(context, name, done.left);
}

export interface ReleaseOptions {
	readonly passwordFile: string;
	readonly site?: string;
	readonly json?: boolean;
}

/** `bimetal bmc release NAME` */
export async function release(context: CliContext, name: string, options: ReleaseOptions): Promise<number> {
	const at = consoleOf(context, options.site);
	const password = await newOwnersPassword(context, at, options.passwordFile);
	const { reopened, lost } = await releaseBmc(at, siteName(context, name), password);
	if (options.json) printJson(context, { bmc: name, reopened, lost });
	else
		printLine(
			context,
			`${name} is released; its account has the password in ${visible(options.passwordFile)}.`,
		);
	return exitCodes.ok.code;
}

function consoleOf(context: CliContext, site: string | undefined): Console {
	const siteFile = site === undefined ? undefined : path.resolve(context.cwd, site);
	return {
		folder: siteFile === undefined ? context.cwd : path.dirname(siteFile),
		siteFile,
		...hostConsole,
		random: randomBytes,
		clock: context.clock,
		by: userInfo().username,
		report: line => context.stderr.write(`  ${visible(line)}\n`),
	};
}

function siteName(context: CliContext, name: string): string {
	if (/^[A-Za-z0-9][A-Za-z0-9-]{0,62}$/.test(name)) return name;
	throw usageError(
		`'${visible(name)}' is no name for a BMC or a rack: letters, digits and hyphens`,
		`${commandName(context)} bmc enrol node9 …`,
	);
}

function bmcUrl(given: string): string {
	const url = URL.canParse(given) ? new URL(given) : undefined;
	if (url?.protocol === 'https:' && url.pathname === '/' && !url.username && !url.search) return url.origin;
	throw usageError(`'${visible(given)}' is not the https address of a BMC`, '--url https://10.0.0.11');
}

async function presentPassword(context: CliContext, options: EnrolOptions): Promise<string> {
	const { passwordFile, username } = options;
	if (passwordFile === undefined) return askSecret(context, `Present password of ${username} at the BMC: `);
	const [password = ''] = (await readNamedFile(context, passwordFile, 'password')).split(/\r?\n/, 1);
	if (!password) throw usageError(`the password file ${passwordFile} is empty`, 'put it on the first line');
	return password;
}

/** The owner's choice, or one that is made now and is in its file before it is set. */
async function newOwnersPassword(context: CliContext, at: Console, file: string): Promise<string> {
	const full = path.resolve(context.cwd, file);
	const there = await at.disk.read(full);
	if (there !== undefined) {
		const [password = ''] = there.split(/\r?\n/, 1);
		if (password) return password;
		throw usageError(`the password file ${file} is empty`, 'name a file that is not there yet');
	}
	const password = newPassword(at.random);
	await at.disk.write(full, `${password}\n`);
	return password;
}

async function trust(
	context: CliContext,
	name: string,
	shown: string,
	expected: string | undefined,
): Promise<boolean> {
	const pretty = shown.toUpperCase().replace(/..(?=.)/g, '$&:');
	if (expected !== undefined) return sameFingerprint(shown, expected);
	context.stderr.write(`${name} shows a certificate with this SHA-256 fingerprint:\n  ${pretty}\n`);
	if (!context.stdin.isTTY)
		throw usageError('there is no terminal to ask whether that is the BMC', `--fingerprint ${shown}`);
	return confirm(context, 'Is that the BMC’s own? It is pinned from now on.');
}

function stillOpen(context: CliContext, name: string, left: readonly string[]): number {
	if (left.length === 0) return exitCodes.ok.code;
	context.stderr.write(
		`bimetal: ${name} would not shut: ${visible(left.join(', '))}\n  try: shut them at the BMC itself or on the network, then run this again\n`,
	);
	return exitCodes.fault.code;
}
