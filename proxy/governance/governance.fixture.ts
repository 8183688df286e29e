import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { FakeClock } from '../../common/clock.ts';
import { silentLogger } from '../../common/log/logger.ts';
import { openStore } from '../../common/store/open-store.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { AuditRecord } from '../audit/audit-record.ts';
import { loadPolicies } from '../policy/load-policies.ts';
import type { PolicySet } from '../policy/policy-set.ts';
import { agreementFile, readAgreement } from './agreement.ts';
import { type Bundle, makeBundle } from './bundle.ts';
import { type Governor, openGovernor } from './governor.ts';
import { openKeptVersions } from './kept-versions.ts';
import { commonScope } from './manifest.ts';
import { signPart } from './sign-part.ts';
import { generateSigningKey } from './signing-key.ts';
import { partOf, type Snapshot } from './snapshot.ts';
import type { SignedPart } from './verify.ts';

const parties = ['HSO', 'CP'];
export const keys = { HSO: generateSigningKey(), CP: generateSigningKey() };
export type PartyName = keyof typeof keys;
export const hsoOperator = { name: 'hso-operator', party: 'HSO' };
export const cpOperator = { name: 'cp-operator', party: 'CP' };

export const table = `- type: Operation
  operation: Reset
  description: Restart it
  match: POST /redfish/v1/Systems/{system}/Actions/ComputerSystem.Reset
  p2c: (HSO and cp) or (CP and hso)
- type: Operation
  operation: Wipe
  description: Reset the BMC to factory defaults
  match: POST /redfish/v1/Managers/{manager}/Actions/Manager.ResetToDefaults
  p2c: HSO and CP
`;

export const breakGlass = `breakGlass:
  HSO:
    operations: [Wipe]
    maxDuration: 30m
    maxUses: 3
    windowsPerDay: 2
    signature: optional
`;

export const agreementText = (more = '', change = 'HSO and CP'): string => `site: test
parties:
  HSO: {signingKey: '${keys.HSO.publicKey}'}
  CP: {signingKey: '${keys.CP.publicKey}'}
change: ${change}
${more}`;

export const plainFiles = (changes: Readonly<Record<string, string>> = {}): Snapshot =>
	new Map(
		Object.entries({
			[agreementFile]: agreementText(breakGlass),
			'operations.yaml': table,
			'hso/power.yaml': 'Reset:\n  hso.pre: true\n',
			'cp/power.yaml': 'Reset:\n  cp.pre: true\n',
			...changes,
		}),
	);

export function sign(
	snapshot: Snapshot,
	scope: string,
	party: PartyName,
	after?: SignedPart | null,
): Snapshot {
	const agreement = readAgreement(agreementFile, snapshot.get(agreementFile) ?? '');
	const { privatePem } = keys[party];
	const how = after === undefined ? {} : { after };
	const { files, stale } = signPart({ snapshot, agreement, scope, party, privatePem, ...how });
	return new Map([...[...snapshot].filter(([name]) => !stale.includes(name)), ...files]);
}

/** A founding that all have signed, or what follows one. */
export function signAll(snapshot: Snapshot): Snapshot {
	let signed = sign(snapshot, commonScope, 'HSO');
	signed = sign(signed, commonScope, 'CP');
	signed = sign(signed, 'HSO', 'HSO');
	return sign(signed, 'CP', 'CP');
}

export const changed = (snapshot: Snapshot, changes: Readonly<Record<string, string>>): Snapshot =>
	new Map([...snapshot, ...Object.entries(changes)]);

export const bundleOf = (snapshot: Snapshot, scope: string): Bundle =>
	makeBundle(scope, partOf(snapshot, scope, parties));

export interface TestGovernor {
	readonly governor: Governor;
	readonly folder: string;
	readonly records: AuditRecord[];
	readonly clock: FakeClock;
	readonly audit: AuditLog;
	readonly taken: PolicySet[];
	readonly deps: Omit<Parameters<typeof openGovernor>[0], 'kept'> & { readonly versions: string };
	/** Puts files into the policy folder; others that are there stay. */
	put(files: Snapshot): Promise<void>;
	/** As after the end of the process. */
	reopen(): Promise<Governor>;
}

/** A governor over a folder that holds `files`, with a real store and real kept versions. */
export async function startGovernor(
	t: { teardown(fn: () => void | Promise<void>): void },
	files: Snapshot = signAll(plainFiles()),
): Promise<TestGovernor> {
	const home = await mkdtemp(join(tmpdir(), 'bimetal-governor-'));
	const folder = join(home, 'policies');
	await mkdir(folder);
	const put = async (more: Snapshot): Promise<void> => {
		for (const [name, text] of more) {
			await mkdir(dirname(join(folder, name)), { recursive: true });
			await writeFile(join(folder, name), text);
		}
	};
	await put(files);
	const clock = new FakeClock();
	const store = await openStore({ engine: 'lowdb', file: join(home, 'store.json') });
	t.teardown(async () => {
		await store.close();
		await rm(home, { recursive: true });
	});
	const records: AuditRecord[] = [];
	const audit = {
		append(record: AuditRecord) {
			records.push(record);
			return { durable: Promise.resolve() };
		},
	} as unknown as AuditLog;
	const taken: PolicySet[] = [];
	const versions = join(home, 'versions');
	const deps = {
		site: 'test',
		parties: { HSO: undefined, CP: undefined },
		folder,
		store,
		audit,
		clock,
		logger: silentLogger,
		load: (path: string) => loadPolicies({ folder: path, parties, externalSources: [] }),
		onTaken: (set: PolicySet) => void taken.push(set),
		versions,
	};
	const open = async () => openGovernor({ ...deps, kept: await openKeptVersions(versions) });
	return { governor: await open(), folder, records, clock, audit, taken, deps, put, reopen: open };
}
