import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { ChangeAnswer, VersionSummary } from '../../proxy/client.ts';
import { agreementFile, readAgreement } from '../../proxy/governance/agreement.ts';
import { type Bundle, makeBundle, parseBundle } from '../../proxy/governance/bundle.ts';
import { commonScope, manifestId } from '../../proxy/governance/manifest.ts';
import { type SignedFiles, signPart } from '../../proxy/governance/sign-part.ts';
import { partOf, type Snapshot } from '../../proxy/governance/snapshot.ts';
import { manifestOf, type SignedPart } from '../../proxy/governance/verify.ts';
import { type Connection, type ConnectionOptions, withConnection } from '../connection.ts';
import { type CliContext, commandName } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { hinted, usageError } from '../failure.ts';
import { painter, printFields, printJson, printLine, printTable, relativeTime } from '../output.ts';
import { visible } from '../visible.ts';
import { readKeyFile, readSignable, writeFiles, writeSigned } from './governance-files.ts';

type Options = ConnectionOptions & { readonly json?: boolean };

export interface PushOptions extends Options {
	readonly common?: boolean;
	/** `--key` is a client certificate's key on other commands; here the party's signing key. */
	readonly signingKey?: string;
	readonly rebase?: boolean;
	readonly acceptLockout?: boolean;
	readonly comment?: string;
}

/** `bimetal policy push [FOLDER|BUNDLE]` */
export function push(context: CliContext, given: string | undefined, options: PushOptions): Promise<number> {
	return withConnection(context, options, async connection => {
		const place = path.resolve(context.cwd, given ?? 'policies');
		const isFile = (await stat(place).catch(() => undefined))?.isFile() ?? false;
		const { bundle, signed } = isFile
			? { bundle: parseBundle(await readFile(place)), signed: undefined }
			: await bundleOfFolder(context, place, options, connection);
		const answer = await connection.client.governance.propose({
			bundle,
			acceptLockout: options.acceptLockout,
			comment: options.comment,
		});
		// Only now: a proxy that watches this very folder would take what it has just refused to be sent.
		if (signed) await writeSigned(place, signed);
		if (options.json) printJson(context, answer);
		else printAnswer(context, answer, connection.suffix);
		return answer.taken || answer.change?.state === 'taken' ? exitCodes.ok.code : exitCodes.waiting.code;
	});
}

async function bundleOfFolder(
	context: CliContext,
	folder: string,
	options: PushOptions,
	{ client, suffix }: Connection,
): Promise<{ bundle: Bundle; signed: SignedFiles | undefined }> {
	const signable = await readSignable(context, folder);
	const { party } = await client.me();
	const scope = options.common ? commonScope : party;
	const parties = Object.keys(signable.agreement.parties);
	if (!options.signingKey)
		return { bundle: makeBundle(scope, partOf(signable.snapshot, scope, parties)), signed: undefined };
	const after = (await client.governance.version('in-force')).parts[scope] ?? null;
	if (!options.rebase) refuseOverwriting(context, signable.snapshot, scope, after, suffix);
	const privatePem = await readKeyFile(context, options.signingKey);
	const signed = signPart({ ...signable, scope, party, privatePem, after });
	const kept = [...signable.snapshot].filter(([name]) => !signed.stale.includes(name));
	return { bundle: makeBundle(scope, partOf(new Map([...kept, ...signed.files]), scope, parties)), signed };
}

/** A folder that was made from an older version would undo, unseen, what somebody else has changed since. */
function refuseOverwriting(
	context: CliContext,
	snapshot: Snapshot,
	scope: string,
	after: SignedPart | null,
	suffix: string,
): void {
	const present = manifestOf(snapshot, scope);
	if (!present || manifestId(present.text) === after?.manifest) return;
	if (present.manifest.previous === (after?.manifest ?? null)) return;
	throw hinted(
		new BimetalError(
			'PolicyConflict',
			`these files of ${scope} are based on version ${present.manifest.version}, and version ${after?.version} is in force`,
			{ status: 409 },
		),
		`${commandName(context)} policy show in-force --out FOLDER${suffix}, take it in; or push with --rebase`,
	);
}

function printAnswer(context: CliContext, { taken, change }: ChangeAnswer, suffix: string): void {
	const paint = painter(context);
	if (taken) {
		printLine(context, `${paint('green', 'In force')}: version ${taken.id}`);
	} else if (change?.state === 'taken') {
		printLine(context, `${paint('green', 'In force')}: version ${change.version}`);
	} else if (change) {
		const who = change.needs.map(parties => parties.join(' and ')).join(', or ');
		printLine(context, `${paint('yellow', 'Waits')} for ${visible(who)}, as change ${change.id}`);
		printLine(context, `For an operator of ${visible(who)}, who has that party's key:`);
		printLine(
			context,
			`  ${commandName(context)} policy approve ${change.id} --signing-key FILE${suffix && ' --as PROFILE'}`,
		);
	}
}

/** `bimetal policy versions` */
export function listVersions(context: CliContext, options: Options): Promise<number> {
	return withConnection(context, options, async ({ client }) => {
		const versions = await client.governance.versions();
		if (options.json) printJson(context, { versions });
		else {
			const now = context.clock.now();
			const paint = painter(context);
			await printTable(
				context,
				['VERSION', 'TAKEN', 'BY', 'PARTS', ''],
				versions.map(version => [
					version.id.slice(0, 12),
					relativeTime(Date.parse(version.at), now),
					byText(version),
					partsText(version),
					version.inForce ? paint('green', 'in force') : '',
				]),
			);
		}
		return exitCodes.ok.code;
	});
}

function byText({ by, change }: VersionSummary): string {
	if (change) return `change ${visible(change)}`;
	return by ? `${visible(by.name)} (${visible(by.party)})` : 'policy folder';
}

const partsText = ({ signed, parts }: VersionSummary): string =>
	signed
		? Object.entries(parts)
				.map(([scope, { version }]) => `${visible(scope)} ${version}`)
				.join(', ')
		: 'not signed';

/** `bimetal policy show VERSION` */
export function showVersion(
	context: CliContext,
	id: string,
	options: Options & { readonly out?: string },
): Promise<number> {
	return withConnection(context, options, async ({ client }) => {
		const version = await client.governance.version(id);
		const files = safeFiles(version.files);
		if (options.out !== undefined) await writeFiles(path.resolve(context.cwd, options.out), files);
		if (options.json) printJson(context, version);
		else {
			printFields(context, [
				['version', version.id],
				['decides as', version.policyVersion],
				['taken', `${version.at} by ${byText(version)}`],
				['parts', partsText(version)],
				['files', [...files.keys()].join('\n')],
				...(version.hidden.length > 0
					? [['of others', version.hidden.map(name => visible(name)).join('\n')] as const]
					: []),
				...(options.out === undefined
					? []
					: [['written to', path.resolve(context.cwd, options.out)] as const]),
			]);
		}
		return exitCodes.ok.code;
	});
}

/** A proxy is not trusted to name files: one that names others than a policy folder's would write anywhere. */
function safeFiles(files: Readonly<Record<string, string>>): Snapshot {
	const name = /^(?:[a-z][a-z0-9]{0,15}\/)?[A-Za-z0-9_][A-Za-z0-9._ -]{0,99}$/;
	for (const file of Object.keys(files)) {
		if (!name.test(file))
			throw new BimetalError('BadAnswer', `the proxy names a file '${file}'`, { status: 502 });
	}
	return new Map(Object.entries(files));
}

export interface RollbackOptions extends Options {
	readonly common?: boolean;
	readonly signingKey: string;
	readonly acceptLockout?: boolean;
}

/** `bimetal policy rollback VERSION`: the old files as a new version, with the authorizations of any other change. */
export function rollBack(context: CliContext, id: string, options: RollbackOptions): Promise<number> {
	return withConnection(context, options, async ({ client, suffix }) => {
		const { governance } = client;
		const [old, present, { party }] = [
			await governance.version(id),
			await governance.version('in-force'),
			await client.me(),
		];
		const scope = options.common ? commonScope : party;
		if (!old.signed)
			throw usageError(`version ${id} was never signed`, 'put its files into the folder and sign them');
		const now = readAgreement(agreementFile, present.files[agreementFile] ?? '');
		const parties = Object.keys(now.parties);
		const snapshot = partOf(safeFiles(old.files), scope, parties);
		const signed = signPart({
			snapshot,
			agreement: now,
			scope,
			party,
			privatePem: await readKeyFile(context, options.signingKey),
			after: present.parts[scope] ?? null,
		});
		const files = new Map([
			...[...snapshot].filter(([name]) => !signed.stale.includes(name)),
			...signed.files,
		]);
		const answer = await governance.propose({
			bundle: makeBundle(scope, files),
			acceptLockout: options.acceptLockout,
			comment: `back to version ${old.id.slice(0, 12)}`,
		});
		if (options.json) printJson(context, answer);
		else printAnswer(context, answer, suffix);
		return answer.taken || answer.change?.state === 'taken' ? exitCodes.ok.code : exitCodes.waiting.code;
	});
}
