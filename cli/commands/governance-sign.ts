import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { makeBundle, renderBundle } from '../../proxy/governance/bundle.ts';
import { commonScope, compareFiles, manifestId } from '../../proxy/governance/manifest.ts';
import { type SignedFiles, signPart } from '../../proxy/governance/sign-part.ts';
import { generateSigningKey } from '../../proxy/governance/signing-key.ts';
import { listedFiles, partOf, signatureName } from '../../proxy/governance/snapshot.ts';
import { manifestOf, readSignatures } from '../../proxy/governance/verify.ts';
import { type CliContext, commandName } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { usageError } from '../failure.ts';
import { painter, printFields, printJson, printLine } from '../output.ts';
import { visible } from '../visible.ts';
import { partyOf, readKeyFile, readSignable, type SignableFolder, writeSigned } from './governance-files.ts';

export interface KeygenOptions {
	readonly party: string;
	readonly out: string;
	readonly json?: boolean;
}

/** `bimetal party keygen --party HSO --out FILE` */
export async function generateKey(context: CliContext, options: KeygenOptions): Promise<number> {
	const file = path.resolve(context.cwd, options.out);
	const { privatePem, publicKey } = generateSigningKey();
	try {
		await writeFile(file, privatePem, { mode: 0o600, flag: 'wx' });
	} catch (error) {
		const { code = 'unwritable' } = error as NodeJS.ErrnoException;
		throw usageError(
			code === 'EEXIST' ? `${file} is there already, and is not replaced` : `cannot write ${file}: ${code}`,
			'give another file with --out',
		);
	}
	if (options.json) printJson(context, { party: options.party, publicKey, file });
	else {
		printLine(context, `The private key is in ${file}: keep it, and keep it off the proxy's host.`);
		printLine(
			context,
			`In agreement.yaml:\n\nparties:\n  ${visible(options.party)}:\n    signingKey: ${publicKey}`,
		);
	}
	return exitCodes.ok.code;
}

export interface SignOptions {
	readonly party: string;
	readonly key: string;
	readonly former?: boolean;
	readonly json?: boolean;
}

/** `bimetal policy sign [FOLDER]` and `bimetal agreement sign [FOLDER]` */
export async function signFolder(
	context: CliContext,
	given: string | undefined,
	options: SignOptions & { readonly common: boolean },
): Promise<number> {
	const signable = await readSignable(context, given);
	const party = partyOf(signable.agreement, options.party);
	const scope = options.common ? commonScope : party;
	const signed = signPart({
		...signable,
		scope,
		party,
		privatePem: await readKeyFile(context, options.key),
		former: options.former ?? false,
	});
	await writeSigned(signable.folder, signed);
	if (options.json) {
		const { manifest, id } = signed;
		printJson(context, { party, scope, version: manifest.version, manifest: id, files: manifest.files });
	} else printSigned(context, signable, party, signed);
	return exitCodes.ok.code;
}

function printSigned(
	context: CliContext,
	{ folder, agreement }: SignableFolder,
	party: string,
	{ manifest, id, files }: SignedFiles,
): void {
	const paint = painter(context);
	const what = manifest.scope === commonScope ? 'the table and the agreement' : 'its policies';
	printLine(context, `${paint('green', `${party} has signed ${what}`)}, version ${manifest.version}`);
	printFields(context, [
		['manifest', id],
		['files', manifest.files.map(({ name }) => visible(name)).join('\n') || '(none)'],
		['written', [...files.keys()].map(name => path.join(folder, name)).join('\n')],
	]);
	const others = Object.keys(agreement.parties).filter(name => name !== party);
	if (manifest.scope === commonScope)
		printLine(context, `\nThe same manifest is for ${others.join(', ')} to sign; compare its SHA-256.`);
}

/** `bimetal agreement verify [FOLDER]`: what is signed by whom. */
export async function verifyFolder(
	context: CliContext,
	given: string | undefined,
	options: { readonly json?: boolean },
): Promise<number> {
	const { folder, snapshot, agreement } = await readSignable(context, given);
	const parties = Object.keys(agreement.parties);
	const parts = [commonScope, ...parties].map(scope => {
		const part = partOf(snapshot, scope, parties);
		const signed = manifestOf(part, scope);
		if (!signed)
			return { scope, version: null, manifest: null, signedBy: [], problems: ['it is not signed'] };
		const { manifest, text } = signed;
		const wrong = manifest.scope !== scope || manifest.site !== agreement.site;
		const changes = compareFiles(manifest, listedFiles(part)).map(({ name, kind }) => `${name} is ${kind}`);
		const signers = (scope === commonScope ? parties : [scope]).map(party => {
			const signature = part.get(signatureName(scope, party));
			const key = agreement.parties[party]?.signingKey ?? '';
			// A second line is of the key that this one takes the place of.
			const good = signature?.split('\n').some(line => readSignatures(`${line}\n`, text, [key])) ?? false;
			return { party, good };
		});
		return {
			scope,
			version: manifest.version,
			manifest: manifestId(text),
			signedBy: signers.filter(({ good }) => good).map(({ party }) => party),
			problems: [
				...(wrong ? [`its manifest is for ${manifest.scope} of ${manifest.site}`] : []),
				...changes,
				...signers
					.filter(({ good }) => !good)
					.map(({ party }) => `${party} has not signed it with its present key`),
			],
		};
	});
	const isGood = parts.every(({ problems }) => problems.length === 0);
	if (options.json) printJson(context, { folder, site: agreement.site, isGood, parts });
	else {
		const paint = painter(context);
		for (const { scope, version, manifest, signedBy, problems } of parts) {
			printLine(
				context,
				`${paint('bold', scope.padEnd(8))} ${version === null ? '' : `version ${version}, manifest ${manifest}, signed by ${signedBy.join(' and ') || 'nobody'}`}`,
			);
			for (const problem of problems) printLine(context, `         ${paint('red', visible(problem))}`);
		}
		printLine(
			context,
			isGood
				? paint('green', 'All of it is signed by all who must')
				: paint('red', 'Not all of it is signed'),
		);
	}
	return isGood ? exitCodes.ok.code : exitCodes.denied.code;
}

export interface BundleOptions {
	readonly party?: string;
	readonly common?: boolean;
	readonly out: string;
	readonly json?: boolean;
}

/** `bimetal policy bundle [FOLDER] --party HSO --out FILE` */
export async function writeBundle(
	context: CliContext,
	given: string | undefined,
	options: BundleOptions,
): Promise<number> {
	const { snapshot, agreement } = await readSignable(context, given);
	const scope = options.common ? commonScope : partyOf(agreement, options.party);
	const part = partOf(snapshot, scope, Object.keys(agreement.parties));
	const signed = manifestOf(part, scope);
	const differences = signed ? compareFiles(signed.manifest, listedFiles(part)) : [];
	if (!signed || differences.length > 0) {
		const why = signed ? `${differences[0]?.name} is ${differences[0]?.kind}` : 'there is no manifest';
		const verb = options.common ? 'agreement' : 'policy';
		throw new BimetalError(
			'Usage',
			`it is not signed as it is: ${why}; ${commandName(context)} ${verb} sign`,
			{
				status: 400,
			},
		);
	}
	const file = path.resolve(context.cwd, options.out);
	await writeFile(file, renderBundle(makeBundle(scope, part)), { mode: 0o644 });
	if (options.json) printJson(context, { file, scope, version: signed.manifest.version });
	else printLine(context, `${scope}, version ${signed.manifest.version}, is in ${file}`);
	return exitCodes.ok.code;
}
