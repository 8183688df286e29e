import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../common/clock.ts';
import { ConfigError } from '../../common/config/config-error.ts';
import type { Route } from '../../common/http/app.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { Store } from '../../common/store/store.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Operator } from '../operator.ts';
import { loadPolicies, type PolicyFolder } from '../policy/load-policies.ts';
import type { PolicySet } from '../policy/policy-set.ts';
import { watchPolicies } from '../policy/watch-policies.ts';
import { type Agreement, agreementFile } from './agreement.ts';
import { createChanges } from './changes.ts';
import { type Governor, openGovernor } from './governor.ts';
import { readHistory } from './in-force.ts';
import { keepUnsigned } from './keep-unsigned.ts';
import { type KeptVersions, openKeptVersions } from './kept-versions.ts';
import { createGovernanceRoutes, type Governed } from './routes.ts';
import { openWindows, type Windows } from './windows.ts';

export interface GovernanceDeps {
	/** The site's name. */
	readonly site: string;
	/** Fingerprint of each party's root certificate, where there is one. */
	readonly roots: Readonly<Record<string, string | undefined>>;
	readonly policies: PolicyFolder;
	/** Whether only signed policies are taken. */
	readonly signed: boolean;
	/** Folder of kept versions. */
	readonly versions: string;
	/** Folder of the site file, for the files that the agreement pins. */
	readonly siteFolder: string;
	/** Milliseconds that a change of the table or the agreement waits for the other parties. */
	readonly changesExpireAfter: number;
	readonly store: Store;
	readonly audit: AuditLog;
	readonly clock: Clock;
	readonly logger: Logger;
	readonly isActive: (operator: Operator) => boolean;
	/** Publishes an event; never throws. */
	readonly publish: (topic: string, payload: unknown) => void;
	/** Told of each version that comes into force after the start; it is in force everywhere once this resolves. */
	readonly onPolicies: (set: PolicySet) => void | Promise<void>;
}

export interface Governance {
	current(): PolicySet;
	/** Undefined where policies are taken unsigned: then there is no break-glass. */
	readonly windows: Windows | undefined;
	readonly routes: readonly Route[];
	/** Resolves when nothing is being written any more. */
	close(): Promise<void>;
}

/** Milliseconds between two looks for changes that have waited too long. */
const expiryInterval = 60_000;

/**
 * Opens a site's policies, signed or not, and follows its policy folder.
 * @throws ConfigError when they are not good at the start
 */
export async function openGovernance(deps: GovernanceDeps): Promise<Governance> {
	const { audit, logger, clock, store } = deps;
	const kept = await openKeptVersions(deps.versions);
	let inUse = '';
	const takePolicies = async (set: PolicySet): Promise<void> => {
		if (set.version === inUse) return;
		inUse = set.version;
		await deps.onPolicies(set);
		audit.append({ kind: 'policies', version: set.version, outcome: 'loaded', problems: [] });
		logger.info({ version: set.version }, 'changed policies are in force');
	};
	const governor = deps.signed ? await startGovernor(deps, kept, takePolicies) : undefined;
	const governed = governor && (await startGoverned(deps, governor));
	const keep = (set: PolicySet): Promise<void> =>
		governor
			? Promise.resolve()
			: keepUnsigned({ ...deps, folder: deps.policies.folder, kept }, set).catch(fault =>
					logger.error({ err: fault }, 'this version of the policies could not be kept'),
				);
	let keeping: Promise<void> = Promise.resolve();
	const watched = await watchPolicies({
		...deps.policies,
		clock,
		signed: governor && { initial: governor.current(), read: governor.readFolder },
		onChange: set => {
			const taken = takePolicies(set);
			keeping = keeping.then(() => taken).then(() => keep(set));
		},
		onProblems: fault => {
			const problems = [fault instanceof Error ? fault.message : String(fault)];
			audit.append({ kind: 'policies', version: null, outcome: 'refused', problems });
			logger.error({ err: fault }, 'the changed policies have problems; the last good ones stay in force');
		},
	});
	inUse = watched.current().version;
	await keep(watched.current());

	let cancelExpiry: () => void = () => undefined;
	const expireRegularly = (): void => {
		cancelExpiry = clock.after(expiryInterval, () => {
			Promise.resolve(governed?.changes.expire())
				.catch(fault => logger.error({ err: fault }, 'changes that waited too long could not be ended'))
				.finally(expireRegularly);
		});
	};
	if (governed) expireRegularly();
	return {
		current: () => governor?.current() ?? watched.current(),
		windows: governed?.windows,
		routes: createGovernanceRoutes({
			governed,
			history: () => store.read(readHistory),
			readVersion: governor?.readVersion ?? (id => kept.read(id, deps.policies.parties)),
			clock,
		}),
		async close() {
			cancelExpiry();
			governed?.windows.close();
			watched.close();
			await Promise.all([keeping, governor?.settled()]);
		},
	};
}

async function startGovernor(
	deps: GovernanceDeps,
	kept: KeptVersions,
	onTaken: (set: PolicySet) => Promise<void>,
): Promise<Governor> {
	const governor = await openGovernor({
		...deps,
		parties: deps.roots,
		folder: deps.policies.folder,
		kept,
		load: folder => loadPolicies({ ...deps.policies, folder }),
		onTaken,
	});
	await checkPinned(governor.inForce().agreement, deps.siteFolder);
	return governor;
}

async function startGoverned(deps: GovernanceDeps, governor: Governor): Promise<Governed> {
	const { publish, clock } = deps;
	const windows = await openWindows({
		...deps,
		agreement: () => governor.inForce().agreement,
		needsKey: party => {
			const rule = governor.current().members.get(party);
			return rule !== undefined && !rule.speaks.anyone;
		},
		notify: ({ id, party, operator, reason, operations, until, uses, ended }, what) =>
			publish(`bimetal/proxy/break-glass/${id}`, {
				id,
				what,
				party,
				operator: operator.name,
				reason,
				operations,
				until: new Date(until).toISOString(),
				uses,
				ended: ended?.reason ?? null,
			}),
	});
	const changes = createChanges({
		...deps,
		governor,
		clock,
		expireAfter: deps.changesExpireAfter,
		onChange: ({ id, state, proposer, needs, manifest }) =>
			publish(`bimetal/proxy/changes/${id}`, { id, state, proposer, needs, manifest }),
	});
	return { governor, changes, windows };
}

/** @throws ConfigError for a file of the site that is not the one that the agreement names */
async function checkPinned({ pinned }: Agreement, siteFolder: string): Promise<void> {
	const problems = [];
	for (const [name, wanted] of Object.entries(pinned)) {
		const path = join(siteFolder, name);
		const bytes = await readFile(path).catch(() => undefined);
		const is = bytes && createHash('sha256').update(bytes).digest('hex');
		if (is === wanted) continue;
		problems.push({
			file: path,
			line: 1,
			column: 1,
			message: bytes
				? `it has the SHA-256 ${is}, and ${agreementFile} in force pins ${wanted}`
				: `it is not there, and ${agreementFile} in force pins it`,
			fix: 'take the change back, or let all parties agree: sign an agreement that pins the new one',
		});
	}
	if (problems.length > 0) throw new ConfigError(problems);
}
