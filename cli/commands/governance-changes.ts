import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { AgreementView, ChangeView } from '../../proxy/client.ts';
import { filesOfBundle } from '../../proxy/governance/bundle.ts';
import { commonScope, compareFiles, manifestId, manifestPurpose } from '../../proxy/governance/manifest.ts';
import { signText } from '../../proxy/governance/signing-key.ts';
import { listedFiles } from '../../proxy/governance/snapshot.ts';
import { manifestOf } from '../../proxy/governance/verify.ts';
import { type ConnectionOptions, withConnection } from '../connection.ts';
import { type CliContext, commandName } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { hinted } from '../failure.ts';
import { painter, printFields, printJson, printLine, printTable, relativeTime } from '../output.ts';
import { confirm } from '../prompt.ts';
import { visible } from '../visible.ts';
import { readKeyFile, readSignable } from './governance-files.ts';
import { lineDifferences } from './line-differences.ts';

type Options = ConnectionOptions & { readonly json?: boolean };

/** `bimetal policy changes` */
export function listChanges(
	context: CliContext,
	options: Options & { readonly state?: string },
): Promise<number> {
	return withConnection(context, options, async ({ client }) => {
		const changes = await client.governance.changes(options.state);
		if (options.json) printJson(context, { changes });
		else if (changes.length === 0) printLine(context, 'No changes.');
		else {
			const now = context.clock.now();
			await printTable(
				context,
				['ID', 'STATE', 'NEEDS', 'FILES', 'PROPOSED BY', 'AGE'],
				changes.map(change => [
					visible(change.id),
					change.state,
					needsText(change),
					change.files.map(({ name }) => visible(name)).join(', '),
					`${visible(change.proposer.name)} (${visible(change.proposer.party)})`,
					relativeTime(Date.parse(change.createdAt), now),
				]),
			);
		}
		return exitCodes.ok.code;
	});
}

const needsText = ({ needs }: ChangeView): string =>
	needs.map(parties => parties.map(party => visible(party)).join(' and ')).join(', or ');

/** `bimetal policy change ID` */
export function showChange(context: CliContext, id: string, options: Options): Promise<number> {
	return withConnection(context, options, async ({ client }) => {
		const change = await client.governance.change(id);
		if (options.json) printJson(context, change);
		else printChange(context, change);
		return exitCodes.ok.code;
	});
}

function printChange(context: CliContext, change: ChangeView): void {
	const paint = painter(context);
	printFields(context, [
		['change', paint('bold', visible(change.id))],
		['state', change.ended ? `${change.state}: ${visible(change.ended.reason)}` : change.state],
		...(change.needs.length > 0 ? [['needs', needsText(change)] as const] : []),
		['proposed by', `${visible(change.proposer.name)} (${visible(change.proposer.party)})`],
		...(change.comment ? [['comment', visible(change.comment)] as const] : []),
		['manifest', visible(change.manifest)],
		['replaces', visible(change.replaces)],
	]);
	for (const { name, before, after } of change.files) {
		printLine(
			context,
			`\n${paint('bold', visible(name))}${before === null ? ' (new)' : after === null ? ' (removed)' : ''}`,
		);
		for (const line of lineDifferences(before ?? '', after ?? '')) {
			const style = line.startsWith('+') ? 'green' : line.startsWith('-') ? 'red' : 'dim';
			printLine(context, paint(style, visible(line)));
		}
	}
}

export interface ApproveChangeOptions extends Options {
	readonly signingKey?: string;
	readonly comment?: string;
	readonly yes?: boolean;
}

/** `bimetal policy approve ID`: shows it, asks, and signs exactly what was shown. */
export function approveChange(
	context: CliContext,
	id: string,
	options: ApproveChangeOptions,
): Promise<number> {
	return withConnection(context, options, async ({ client, suffix }) => {
		const change = await client.governance.change(id);
		const text = await signableText(change);
		const privatePem = options.signingKey && (await readKeyFile(context, options.signingKey));
		if (!options.json) printChange(context, change);
		if (
			context.stdin.isTTY &&
			!options.yes &&
			!(await confirm(context, '\nApprove and sign exactly this?'))
		) {
			throw hinted(
				new BimetalError('Interrupted', 'not approved'),
				`${commandName(context)} policy deny ${id} --reason TEXT${suffix}`,
			);
		}
		const after = await client.governance.approve(id, {
			digest: change.digest,
			comment: options.comment,
			...(privatePem && { signature: signText(privatePem, manifestPurpose, text) }),
		});
		if (options.json) printJson(context, after);
		else {
			const paint = painter(context);
			const outcome =
				after.state === 'taken'
					? `${paint('green', 'Approved, and in force')}: version ${after.version}`
					: after.state === 'waiting'
						? `${paint('green', 'Approved')}; it still waits for ${needsText(after)}.`
						: `${paint('red', `It is ${after.state}`)}: ${visible(after.ended?.reason ?? '')}`;
			printLine(context, `\n${outcome}`);
		}
		return after.state === 'denied' ? exitCodes.conflict.code : exitCodes.ok.code;
	});
}

/** The manifest's text, once it is sure that it stands for the files that are shown. */
async function signableText(change: ChangeView): Promise<string> {
	const parties = Object.keys(change.bundle.files).flatMap(
		name => /^manifest\.json\.([a-z0-9]+)\.sig$/.exec(name)?.[1]?.toUpperCase() ?? [],
	);
	const part = filesOfBundle({ ...change.bundle, scope: commonScope }, parties);
	const signed = manifestOf(part, commonScope);
	const listed = listedFiles(part);
	const isShown = change.files.every(({ name, after }) => (listed.get(name) ?? null) === after);
	if (
		!signed ||
		manifestId(signed.text) !== change.manifest ||
		compareFiles(signed.manifest, listed).length > 0 ||
		!isShown
	) {
		throw new BimetalError('BadAnswer', 'what the proxy shows is not what it asks to be signed', {
			status: 502,
		});
	}
	return signed.text;
}

/** `bimetal policy deny ID`, `bimetal policy withdraw ID` */
export function endChange(
	context: CliContext,
	id: string,
	how: 'deny' | 'withdraw',
	options: Options & { readonly reason?: string },
): Promise<number> {
	return withConnection(context, options, async ({ client: { governance } }) => {
		const { reason } = options;
		const change =
			how === 'deny' ? await governance.deny(id, reason ?? '') : await governance.withdraw(id, reason);
		if (options.json) printJson(context, change);
		else printLine(context, `Change ${visible(change.id)} is ${change.state}.`);
		return exitCodes.ok.code;
	});
}

/** `bimetal agreement show [FOLDER]`: of a folder, or the one in force. */
export async function showAgreement(
	context: CliContext,
	folder: string | undefined,
	options: Options,
): Promise<number> {
	if (folder !== undefined) {
		const { agreement } = await readSignable(context, folder);
		const { site, change, parties, breakGlass, pinned } = agreement;
		printJson(context, { site, change, parties, breakGlass, pinned });
		return exitCodes.ok.code;
	}
	return withConnection(context, options, async ({ client }) => {
		const agreement = await client.governance.agreement();
		if (options.json) printJson(context, agreement);
		else printAgreement(context, agreement);
		return exitCodes.ok.code;
	});
}

function printAgreement(context: CliContext, agreement: AgreementView): void {
	printFields(context, [
		['site', visible(agreement.site)],
		['version', String(agreement.version)],
		['manifest', visible(agreement.manifest)],
		['change', visible(agreement.change)],
		...agreement.parties.map(({ name, signingKey }): [string, string] => [
			visible(name),
			visible(signingKey),
		]),
	]);
	printLine(
		context,
		`\n${agreement.text
			.split('\n')
			.map(line => visible(line))
			.join('\n')}`,
	);
}
