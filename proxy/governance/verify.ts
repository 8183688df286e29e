import { ConfigError, type ConfigProblem } from '../../common/config/config-error.ts';
import { type Agreement, agreementFile, missingFor, readAgreement } from './agreement.ts';
import {
	commonScope,
	compareFiles,
	type Manifest,
	manifestId,
	manifestPurpose,
	parseManifest,
} from './manifest.ts';
import { verifyText } from './signing-key.ts';
import { listedFiles, manifestName, partOf, type Snapshot, signatureName } from './snapshot.ts';

/** A signed part of a snapshot, by what names it. */
export interface SignedPart {
	/** The manifest's counter. */
	readonly version: number;
	/** SHA-256 of the manifest. */
	readonly manifest: string;
}

/** What was verified before and is in force. */
export interface Verified {
	readonly agreement: Agreement;
	/** By scope: `common` and each party. */
	readonly parts: Readonly<Record<string, SignedPart>>;
	readonly snapshot: Snapshot;
}

export interface VerifyOptions {
	readonly snapshot: Snapshot;
	/** As the site file has it. */
	readonly site: string;
	/** Parties of the site file, with the fingerprint of the root certificate where there is one. */
	readonly parties: Readonly<Record<string, string | undefined>>;
	/** What is in force; undefined at the founding. */
	readonly inForce: Verified | undefined;
	/** How messages name the folder, for instance `policies/`; '' or with a `/` at the end. */
	readonly prefix: string;
	/** True while signatures of the common part are still being collected: those that are there must be good. */
	readonly collecting?: boolean;
}

/**
 * Checks that every file is signed by who must sign it, and that no part is older than what is in force. Pure.
 * The founding version of the table and the agreement is signed by all parties; a later one by a quorum of the
 * agreement in force, with the keys in force, and by every key that it brings.
 * @throws ConfigError that names each file, the party and what to do
 */
export function verifySnapshot(options: VerifyOptions): Verified {
	const { snapshot, prefix } = options;
	const scopes = [commonScope, ...Object.keys(options.parties)];
	const text = snapshot.get(agreementFile);
	if (text === undefined) {
		throw new ConfigError([
			at(`${prefix}${agreementFile}`, 'there is no founding agreement', 'write one; see docs/governance.md'),
		]);
	}
	const agreement = readAgreement(`${prefix}${agreementFile}`, text);
	const problems = checkSite(agreement, options);
	if (problems.length > 0) throw new ConfigError(problems);
	const parts: Record<string, SignedPart> = {};
	for (const scope of scopes) {
		const checked = checkPart(scope, agreement, options);
		if (Array.isArray(checked)) problems.push(...checked);
		else parts[scope] = checked as SignedPart;
	}
	if (problems.length > 0) throw new ConfigError(problems);
	return { agreement, parts, snapshot };
}

/** The agreement must be about this site, its parties and their roots: or its owner could bring in another's. */
function checkSite(agreement: Agreement, { site, parties, prefix }: VerifyOptions): ConfigProblem[] {
	const file = `${prefix}${agreementFile}`;
	const problems: ConfigProblem[] = [];
	if (agreement.site !== site)
		problems.push(
			at(file, `it is for the site "${agreement.site}", and this is "${site}"`, 'use the one for this site'),
		);
	const names = Object.keys(agreement.parties);
	for (const party of new Set([...names, ...Object.keys(parties)])) {
		const agreed = agreement.parties[party];
		if (!agreed)
			problems.push(at(file, `${party} of the site file is no party of it`, 'all parties found the site'));
		else if (!Object.hasOwn(parties, party))
			problems.push(
				at(
					file,
					`the site file does not have its party ${party}`,
					'a change of the parties takes both files and a restart',
				),
			);
		else if (agreed.root !== parties[party])
			problems.push(
				at(
					file,
					parties[party] === undefined
						? `it names a root certificate for ${party}, and the site file has none`
						: `the root certificate of ${party} in the site file has the fingerprint ${parties[party]}, not ${agreed.root ?? 'one that the agreement names'}`,
					`ask ${party} which is its own`,
				),
			);
	}
	return problems;
}

/** The site's parties and those of the agreement in force: one that leaves may have to sign that it does. */
export function knownParties({ parties, inForce }: Pick<VerifyOptions, 'parties' | 'inForce'>): string[] {
	return [...new Set([...Object.keys(parties), ...Object.keys(inForce?.agreement.parties ?? {})])];
}

function checkPart(
	scope: string,
	agreement: Agreement,
	options: VerifyOptions,
): SignedPart | ConfigProblem[] {
	const { snapshot, site, inForce, prefix } = options;
	const known = knownParties(options);
	const part = partOf(snapshot, scope, known);
	const owner = scope === commonScope ? 'the table and the agreement' : `${scope}’s policies`;
	const file = `${prefix}${manifestName(scope)}`;
	const signIt =
		scope === commonScope
			? `each party signs it: bimetal agreement sign ${prefix || '.'} --party PARTY --key FILE`
			: `${scope} signs it: bimetal policy sign ${prefix || '.'} --party ${scope} --key FILE`;
	const text = part.get(manifestName(scope));
	if (text === undefined) return [at(file, `${owner} are not signed`, signIt)];
	const manifest = parseManifest(text);
	if (!manifest) return [at(file, 'this is not a manifest as it was written', signIt)];
	if (manifest.scope !== scope || manifest.site !== site)
		return [at(file, `it is signed as ${manifest.scope} of the site "${manifest.site}"`, signIt)];
	const problems = compareFiles(manifest, listedFiles(part)).map(({ name, kind }) =>
		at(`${prefix}${name}`, differences[kind], `${signIt}, or take the change back`),
	);
	const present = inForce?.parts[scope];
	const id = manifestId(text);
	if (!(present?.manifest === id && sameSignatures(part, inForce, scope, known)))
		// Who had to sign what is in force has; here may be fewer of the signatures, but none that is wrong.
		problems.push(
			...checkSignatures({
				scope,
				text,
				part,
				agreement,
				options: present?.manifest === id ? { ...options, collecting: true } : options,
				signIt,
			}),
		);
	if (present && present.manifest !== id && manifest.version <= present.version)
		problems.push(
			at(
				file,
				`it is version ${manifest.version} of ${owner}, and version ${present.version} is in force: an older one is not taken`,
				`to go back, sign the old files anew: bimetal policy rollback VERSION`,
			),
		);
	return problems.length > 0 ? problems : { version: manifest.version, manifest: id };
}

const differences = {
	missing: 'it is signed, and not here',
	unlisted: 'it is here, and not signed',
	changed: 'it is not what was signed',
} as const;

/** Signatures that were accepted stay so when the key that made them is replaced. */
function sameSignatures(
	part: Snapshot,
	inForce: Verified | undefined,
	scope: string,
	parties: readonly string[],
): boolean {
	const before = partOf(inForce?.snapshot ?? new Map(), scope, parties);
	const signatures = (files: Snapshot) => [...files].filter(([name]) => name.endsWith('.sig')).sort();
	return JSON.stringify(signatures(part)) === JSON.stringify(signatures(before));
}

interface SignatureCheck {
	readonly scope: string;
	/** Of the manifest. */
	readonly text: string;
	readonly part: Snapshot;
	readonly agreement: Agreement;
	readonly options: VerifyOptions;
	readonly signIt: string;
}

function checkSignatures(check: SignatureCheck): ConfigProblem[] {
	const { scope, agreement, options, part, signIt } = check;
	const { inForce, prefix } = options;
	const names = scope === commonScope ? knownParties(options) : [scope];
	const problems: ConfigProblem[] = [];
	const withOld = new Set<string>();
	const withNew = new Set<string>();
	for (const party of names) {
		const name = signatureName(scope, party);
		const signature = part.get(name);
		if (signature === undefined) {
			if (scope !== commonScope) problems.push(at(`${prefix}${name}`, `${party} has not signed`, signIt));
			continue;
		}
		const present = agreement.parties[party]?.signingKey;
		const former = inForce?.agreement.parties[party]?.signingKey;
		const keys = [...new Set([present, former])].filter(key => key !== undefined);
		const signers = readSignatures(signature, check.text, keys);
		if (!signers) problems.push(at(`${prefix}${name}`, `this is not ${party}’s signature of it`, signIt));
		if (present && signers?.has(present)) withNew.add(party);
		if (former && signers?.has(former)) withOld.add(party);
		if (scope !== commonScope && signers && !withNew.has(party))
			problems.push(at(`${prefix}${name}`, `it is signed with a key that ${party} no longer has`, signIt));
	}
	if (scope !== commonScope || problems.length > 0 || options.collecting) return problems;
	return checkQuorum(check, withOld, withNew);
}

function checkQuorum(
	{ agreement, options: { inForce, prefix }, signIt }: SignatureCheck,
	withOld: ReadonlySet<string>,
	withNew: ReadonlySet<string>,
): ConfigProblem[] {
	const file = `${prefix}${manifestName(commonScope)}`;
	const brought = Object.entries(agreement.parties).filter(
		([party, { signingKey }]) => inForce?.agreement.parties[party]?.signingKey !== signingKey,
	);
	const lacking = brought.map(([party]) => party).filter(party => !withNew.has(party));
	const problems = lacking.map(party =>
		at(
			file,
			`${party} has not signed ${inForce ? 'with the key that it brings' : 'the founding agreement'}`,
			signIt,
		),
	);
	if (!inForce) return problems;
	const missing = missingFor(inForce.agreement, withOld);
	if (missing.length > 0) {
		const who = missing.map(parties => parties.join(' and ')).join(', or ');
		problems.push(
			at(file, `the agreement in force asks for ${inForce.agreement.change}; missing: ${who}`, signIt),
		);
	}
	return problems;
}

/** One signature a line, each by one of the keys, and each by another; undefined when that is not so. */
export function readSignatures(
	file: string,
	manifestText: string,
	keys: readonly string[],
): ReadonlySet<string> | undefined {
	const lines = file.split('\n');
	if (lines.pop() !== '' || lines.length === 0 || lines.length > 2) return undefined;
	const signers = new Set<string>();
	for (const line of lines) {
		const key = keys.find(candidate => verifyText(candidate, manifestPurpose, manifestText, line));
		if (key === undefined || signers.has(key)) return undefined;
		signers.add(key);
	}
	return signers;
}

const at = (file: string, message: string, fix: string): ConfigProblem => ({
	file,
	line: 1,
	column: 1,
	message,
	fix,
});

/** The manifest of a part; undefined where there is none, or one that was tampered with. */
export function manifestOf(
	snapshot: Snapshot,
	scope: string,
): { text: string; manifest: Manifest } | undefined {
	const text = snapshot.get(manifestName(scope));
	const manifest = text === undefined ? undefined : parseManifest(text);
	return text !== undefined && manifest ? { text, manifest } : undefined;
}
