import type { Clock } from '../../common/clock.ts';
import { ConfigError } from '../../common/config/config-error.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { Store, Transaction } from '../../common/store/store.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Operator } from '../operator.ts';
import type { PolicySet } from '../policy/policy-set.ts';
import { durably } from '../record.ts';
import { agreementFile, readAgreement } from './agreement.ts';
import { type Bundle, filesOfBundle } from './bundle.ts';
import { governanceErrors } from './errors.ts';
import { type HistoryEntry, type InForce, putInForce, readHistory, readInForce } from './in-force.ts';
import type { KeptVersions } from './kept-versions.ts';
import { explainLockouts, findLockouts, type Lockout } from './lockout.ts';
import { commonScope, manifestId } from './manifest.ts';
import { readSnapshot } from './read-snapshot.ts';
import { manifestName, partOf, type Snapshot, snapshotId, withPart } from './snapshot.ts';
import { knownParties, manifestOf, type Verified, type VerifyOptions, verifySnapshot } from './verify.ts';

export interface GovernorDeps {
	readonly site: string;
	/** Parties of the site file, with the fingerprint of the root certificate where there is one. */
	readonly parties: Readonly<Record<string, string | undefined>>;
	/** The policy folder of the site file: where signed files may be put. */
	readonly folder: string;
	readonly kept: KeptVersions;
	readonly store: Store;
	readonly audit: AuditLog;
	readonly clock: Clock;
	readonly logger: Logger;
	/** Reads and compiles a policy folder; throws a ConfigError with every problem. */
	readonly load: (folder: string) => Promise<PolicySet>;
	/** Called with each version that comes into force after the start. */
	readonly onTaken: (set: PolicySet) => void | Promise<void>;
}

/** A version that was checked and can come into force. */
export interface Candidate {
	/** The version that it was made from: it comes into force only in the place of that one. */
	readonly base: string | null;
	readonly verified: Verified;
	readonly set: PolicySet;
	/** What other parties than the author could no longer do. */
	readonly lockouts: readonly Lockout[];
}

export interface TakeOptions {
	readonly by: Operator | null;
	/** The approved change that it comes from. */
	readonly change?: string;
	/** What must happen in the same moment, or not at all. */
	readonly also?: (tx: Transaction, entry: HistoryEntry) => Promise<void>;
	/** Scopes that change, for the record. */
	readonly scopes: readonly string[];
	readonly signature?: string | undefined;
}

/** Signed policies: what is in force, and how something else comes into force. Each throws a reason when it does not. */
export interface Governor {
	current(): PolicySet;
	inForce(): Verified & { readonly id: string };
	/**
	 * Takes what the policy folder holds that is newer than what is in force. Resolves with what then is in force.
	 * @throws ConfigError with every problem; what is in force stays
	 */
	readFolder(): Promise<PolicySet>;
	/** Checks a bundle made from what is in force; `collecting`: not all signatures need be there yet. */
	check(bundle: Bundle, how?: { readonly collecting?: boolean }): Promise<Candidate>;
	/** A party's own change, on its own signature. */
	push(bundle: Bundle, operator: Operator, acceptLockout: boolean): Promise<HistoryEntry>;
	take(candidate: Candidate, options: TakeOptions): Promise<HistoryEntry>;
	/** Newest first. */
	history(): Promise<HistoryEntry[]>;
	readVersion(id: string): Promise<Snapshot>;
	/** Resolves when no change is under way. */
	settled(): Promise<void>;
}

/**
 * Opens the policies of a site that wants them signed. The last version that was taken is in force, whatever the
 * folder holds by now; a founding must be whole.
 * @throws ConfigError when nothing is in force yet and the folder is not a good founding
 */
export async function openGovernor(deps: GovernorDeps): Promise<Governor> {
	const { kept, store, audit, clock, logger } = deps;
	let inForce: (Verified & { id: string }) | undefined;
	let set: PolicySet | undefined;
	let tail: Promise<unknown> = Promise.resolve();
	/** One change after the other: each is checked against what the one before left. */
	const serially = <R>(work: () => Promise<R>): Promise<R> => {
		const mine = tail.then(work, work);
		tail = mine.catch(() => undefined);
		return mine;
	};
	const options = (snapshot: Snapshot, prefix: string, collecting = false): VerifyOptions => ({
		snapshot,
		site: deps.site,
		parties: deps.parties,
		inForce,
		prefix,
		collecting,
	});
	const known = () => knownParties({ parties: deps.parties, inForce });

	const compile = (snapshot: Snapshot, prefix: string): Promise<PolicySet> =>
		kept.tryOut(snapshot, async folder => {
			const verified = readAgreement(agreementFile, snapshot.get(agreementFile) ?? '');
			try {
				const compiled = await deps.load(folder);
				checkOperations(verified.breakGlass, compiled, `${prefix}${agreementFile}`);
				return compiled;
			} catch (error) {
				throw error instanceof ConfigError ? movedTo(error, `${folder}/`, prefix) : error;
			}
		});

	const current = (): PolicySet => {
		if (!set) throw new Error('no policies are in force yet');
		return set;
	};
	const present = (): Verified & { id: string } => {
		if (!inForce) throw new Error('no policies are in force yet');
		return inForce;
	};

	/** Kept first, then on the record, then in force: a crash in between leaves the version before in force. */
	const take = async (
		candidate: Candidate,
		{ by, change, also, scopes, signature }: TakeOptions,
		seen?: Readonly<Record<string, string>>,
	): Promise<HistoryEntry> => {
		const { verified } = candidate;
		const id = await kept.keep(verified.snapshot);
		const entry: HistoryEntry = {
			id,
			policyVersion: candidate.set.version,
			signed: true,
			parts: { ...verified.parts },
			replaces: candidate.base,
			at: clock.now(),
			by: by && { name: by.name, party: by.party },
			change: change ?? null,
		};
		if (entry.replaces !== ((await store.read(readInForce))?.entry.id ?? null)) {
			throw governanceErrors.PolicyConflict(
				'another version came into force meanwhile; look at it, then sign again',
			);
		}
		const next = await deps.load(kept.folderOf(id));
		await durably(
			audit.append({
				kind: 'governance',
				action: 'take',
				change: entry.change,
				scopes: [...scopes],
				operator: by?.name ?? null,
				party: by?.party ?? null,
				replaces: entry.replaces,
				version: id,
				digest: null,
				signature: signature ?? null,
				comment: candidate.lockouts.length > 0 ? explainLockouts(candidate.lockouts) : null,
			}),
		);
		await store.transact(async tx => {
			await putInForce(tx, entry, seen);
			await also?.(tx, entry);
		});
		const isFirst = set === undefined;
		inForce = { ...verified, id };
		set = next;
		logger.info(
			{ version: id, policyVersion: next.version, scopes },
			'another version of the policies is in force',
		);
		if (!isFirst) await deps.onTaken(next);
		return entry;
	};

	const readFolder = async (): Promise<PolicySet> => {
		const prefix = `${deps.folder.replace(/\/$/, '')}/`;
		const found = await readSnapshot(deps.folder, known());
		const pointer = await store.read(readInForce);
		const { merged, seen } = keepPushed(found, inForce, pointer, known());
		const verified = keepSignatures(verifySnapshot(options(merged, prefix)), inForce, known());
		const scopes = changedScopes(verified, inForce);
		if (inForce && scopes.length === 0) {
			set ??= await deps.load(kept.folderOf(inForce.id));
			return set;
		}
		const compiled = await compile(verified.snapshot, prefix);
		const base = pointer?.entry.id ?? null;
		// Whoever may write the folder and has the party's signature is not asked twice; all are told.
		const author = scopes.length === 1 && scopes[0] !== commonScope ? scopes[0] : undefined;
		const lockouts = set ? findLockouts(set, compiled, Object.keys(deps.parties), author) : [];
		if (lockouts.length > 0) logger.warn({ scopes, lockouts }, explainLockouts(lockouts));
		await take({ base, verified, set: compiled, lockouts }, { by: null, scopes }, seen);
		return current();
	};

	const check: Governor['check'] = async (bundle, how = {}) => {
		const { id: base, snapshot, parts } = present();
		const { scope } = bundle;
		const part = filesOfBundle(bundle, Object.keys(deps.parties));
		const merged = withPart(snapshot, scope, part, known());
		const made = manifestOf(merged, scope);
		if (!made) throw governanceErrors.SignatureInvalid(`the bundle has no good ${manifestName(scope)}`);
		const before = parts[scope];
		if (manifestId(made.text) === before?.manifest)
			throw governanceErrors.PolicyConflict('this very version is in force already');
		if (made.manifest.previous !== (before?.manifest ?? null)) {
			throw governanceErrors.PolicyConflict(
				`this version ${made.manifest.version} of ${scope} was not made from version ${before?.version}, which is in force: ` +
					'take that in (bimetal policy show), then sign again',
			);
		}
		try {
			const verified = verifySnapshot(options(merged, '', how.collecting));
			const compiled = await compile(merged, '');
			const author = scope === commonScope ? undefined : scope;
			return { base, verified, set: compiled, lockouts: findLockouts(current(), compiled, known(), author) };
		} catch (error) {
			if (!(error instanceof ConfigError)) throw error;
			const { problems } = error;
			const unsigned = problems.some(({ file }) => /manifest\.json/.test(file));
			const make = unsigned ? governanceErrors.SignatureInvalid : governanceErrors.BundleInvalid;
			throw make(error.message, { cause: error });
		}
	};

	const push = async (bundle: Bundle, operator: Operator, acceptLockout: boolean): Promise<HistoryEntry> => {
		const { scope } = bundle;
		if (scope === commonScope) throw new Error('what all parties own is proposed, not pushed');
		if (operator.party !== scope) {
			throw governanceErrors.NotThisParty(
				`${scope}’s policies are changed by an operator of ${scope}; ${operator.name} is one of ${operator.party}`,
			);
		}
		const [latest] = await store.read(readHistory);
		const part = filesOfBundle(bundle, Object.keys(deps.parties));
		// Sent again, perhaps because the answer was lost: it is in force, as was asked.
		if (latest && snapshotId(part) === snapshotId(partOf(present().snapshot, scope, known()))) return latest;
		const candidate = await check(bundle);
		if (candidate.lockouts.length > 0 && !acceptLockout) {
			throw governanceErrors.WouldLockOut(explainLockouts(candidate.lockouts));
		}
		const signature = [...partOf(candidate.verified.snapshot, scope, known())].find(([name]) =>
			name.endsWith('.sig'),
		)?.[1];
		return take(candidate, { by: operator, scopes: [scope], signature: signature?.trim() });
	};

	const start = async (): Promise<void> => {
		// A site that took its policies unsigned for a while does not forget what was signed before.
		const last = (await store.read(readHistory)).find(({ signed }) => signed);
		if (last) {
			const { id, parts } = last;
			// The parties are those that the agreement of that version had; the site file may have others by now.
			const everything = await kept.read(id, await partiesOf(kept, id));
			const agreement = readAgreement(agreementFile, everything.get(agreementFile) ?? '');
			inForce = { id, agreement, parts, snapshot: everything };
		}
		try {
			await readFolder();
		} catch (error) {
			if (!inForce || !(error instanceof ConfigError)) throw error;
			set = await deps.load(kept.folderOf(inForce.id));
			logger.error(
				{ err: error },
				'the policy folder is refused; the last version that was taken is in force',
			);
			audit.append({ kind: 'policies', version: null, outcome: 'refused', problems: [error.message] });
		}
	};
	await start();

	return {
		current,
		inForce: present,
		readFolder: () => serially(readFolder),
		check,
		push: (bundle, operator, acceptLockout) => serially(() => push(bundle, operator, acceptLockout)),
		take: (candidate, how) => serially(() => take(candidate, how)),
		history: () => store.read(readHistory),
		readVersion: async id => kept.read(id, await partiesOf(kept, id)),
		settled: () => tail.then(() => undefined),
	};
}

/** The parties of a kept version: those of the agreement that it holds. */
async function partiesOf(kept: KeptVersions, id: string): Promise<string[]> {
	const top = await readSnapshot(kept.folderOf(id), []);
	const text = top.get(agreementFile);
	return text === undefined ? [] : Object.keys(readAgreement(agreementFile, text).parties);
}

/**
 * The folder, with the parts that a push has replaced since the folder was last read: an older part that was
 * seen before is what the push left behind; one that was not is a roll-back, for `verifySnapshot` to refuse.
 */
function keepPushed(
	found: Snapshot,
	inForce: Verified | undefined,
	pointer: InForce | undefined,
	parties: readonly string[],
): { merged: Snapshot; seen: Readonly<Record<string, string>> } {
	const seen: Record<string, string> = {};
	let merged = found;
	for (const scope of [commonScope, ...parties]) {
		const text = found.get(manifestName(scope));
		if (text === undefined) continue;
		const id = manifestId(text);
		seen[scope] = id;
		if (!inForce || id === inForce.parts[scope]?.manifest || id !== pointer?.seen[scope]) continue;
		merged = withPart(merged, scope, partOf(inForce.snapshot, scope, parties), parties);
	}
	return { merged, seen };
}

/** Parts that stay keep the signatures that were given over HTTP, which the folder may not have. */
function keepSignatures(next: Verified, inForce: Verified | undefined, parties: readonly string[]): Verified {
	let { snapshot } = next;
	for (const [scope, { manifest }] of Object.entries(next.parts)) {
		if (!inForce || inForce.parts[scope]?.manifest !== manifest) continue;
		snapshot = withPart(snapshot, scope, partOf(inForce.snapshot, scope, parties), parties);
	}
	return { ...next, snapshot };
}

function changedScopes(next: Verified, before: Verified | undefined): string[] {
	return Object.entries(next.parts)
		.filter(([scope, { manifest }]) => manifest !== before?.parts[scope]?.manifest)
		.map(([scope]) => scope);
}

function checkOperations(
	rules: Readonly<Record<string, { readonly operations: readonly string[] }>>,
	set: PolicySet,
	file: string,
): void {
	const names = new Set(set.operations.map(({ name }) => name));
	const unknown = Object.values(rules).flatMap(({ operations }) =>
		operations.filter(operation => !names.has(operation)),
	);
	if (unknown.length === 0) return;
	throw new ConfigError(
		unknown.map(operation => ({
			file,
			line: 1,
			column: 1,
			message: `breakGlass names an operation that the table does not have: "${operation}"`,
			fix: 'write it as in operations.yaml',
		})),
	);
}

/** The same problems, told as the reader knows the files. */
function movedTo(error: ConfigError, from: string, to: string): ConfigError {
	return new ConfigError(
		error.problems.map(problem => ({
			...problem,
			file: problem.file.replace(from, to),
			message: problem.message.replaceAll(from, to),
		})),
		{ cause: error },
	);
}
