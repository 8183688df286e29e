import { systemClock } from '../../common/clock.ts';
import type { Roster, RosterEntry } from '../authenticate/roster.ts';
import type { PolicySources } from '../policy/load-policy-files.ts';
import type { PolicySet } from '../policy/policy-set.ts';
import type { ProxyDeps } from '../proxy-deps.ts';
import { type Crew, type CrewDeps, startCrew } from './crew.ts';
import type { WorkerConfig } from './message.ts';

export interface CrewOrder extends Pick<CrewDeps, 'state' | 'audit' | 'bmcs' | 'touch' | 'admission'> {
	readonly deps: ProxyDeps;
	/** Party roots (PEM) by party. */
	readonly roots: WorkerConfig['parties'];
	/** A worker's part of them. */
	readonly limits: WorkerConfig['limits'];
	readonly usage: WorkerConfig['usage'];
	readonly basicSecret: WorkerConfig['basicSecret'];
}

/** Starts the workers that the site file asks for; undefined when it asks for none. */
export async function hireCrew({
	deps,
	roots,
	limits,
	usage,
	basicSecret,
	...home
}: CrewOrder): Promise<Crew | undefined> {
	if (!deps.workers) return undefined;
	const { size, logLevel } = deps.workers;
	return startCrew({
		size,
		config: {
			tls: { ...deps.tls, partyRoots: roots.map(({ rootPem }) => rootPem) },
			parties: roots,
			bmcs: deps.bmcs.map(
				({ username: _username, password: _password, listen: _listen, ...target }) => target,
			),
			limits,
			coalesce: deps.coalesce ?? false,
			idleTimeout: deps.sessions.idleTimeout,
			sessionLifetime: deps.sessions.lifetime,
			sessionBinding: deps.sessions.boundTo ?? 'address',
			usage,
			partyNames: Object.keys(deps.parties),
			reservedOperations: Object.values(deps.reserved ?? {}).flatMap(({ rules }) =>
				rules.operations.flatMap(({ operation }) => operation),
			),
			basicSecret,
			logLevel,
		},
		...home,
		// Processes live in the system's time, whatever clock the proxy is told.
		clock: systemClock,
		logger: deps.logger,
		registry: deps.registry,
	});
}

/** What workers are told of policies; nothing of a set that was changed after it was compiled. */
export const sourcesOf = ({ sources, version }: PolicySet): PolicySources | undefined =>
	sources?.files.version === version ? sources : undefined;

/** What workers are told of operators: no hash of a password. */
export const entriesOf = (roster: Roster): RosterEntry[] =>
	roster.operators.flatMap(({ name }) => {
		const entry = roster.find(name);
		return entry ? [{ ...entry, password: undefined }] : [];
	});
