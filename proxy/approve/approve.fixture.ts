import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeClock } from '../../common/clock.ts';
import type { BimetalError } from '../../common/errors/bimetal-error.ts';
import { createMemoryStore } from '../../common/store/memory-store.fixture.ts';
import type { Answer } from '../answer/answer.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { AuditRecord } from '../audit/audit-record.ts';
import type { Call } from '../call.ts';
import type { JsonValue } from '../canonicalise/canonical-request.ts';
import { noClaims } from '../decide/claims.fixture.ts';
import { activate, type Consider, createConsider } from '../decide/consider.ts';
import { createLanes } from '../decide/lanes.ts';
import type { BmcConnection } from '../forward/bmc-connection.ts';
import type { Operator } from '../operator.ts';
import type { ExternalValue } from '../policy/facts.ts';
import { loadPolicies } from '../policy/load-policies.ts';
import type { PolicySet } from '../policy/policy-set.ts';
import { createApprover } from './approver.ts';
import type { RequestDocument } from './request-document.ts';
import { createWaitingRequests } from './waiting-requests.ts';

export const hso: Operator = { name: 'hso-operator', party: 'HSO' };
export const hsoTwo: Operator = { name: 'hso-two', party: 'HSO' };
export const cp: Operator = { name: 'cp-operator', party: 'CP' };
export const cpTwo: Operator = { name: 'cp-two', party: 'CP' };
export const si: Operator = { name: 'si-operator', party: 'SI' };
export const everybody = [hso, hsoTwo, cp, cpTwo, si];

export const resetPath = '/redfish/v1/Systems/system/Actions/ComputerSystem.Reset';
const table = `
- { type: T, operation: Reset, description: d, match: 'POST ${resetPath}', p2c: 'HSO and CP' }
- { type: T, operation: Guarded, description: d, match: 'POST /redfish/v1/Guarded', p2c: 'HSO and CP and cp' }
- { type: T, operation: Three, description: d, match: 'POST /redfish/v1/Three', p2c: 'HSO and CP and SI' }
- { type: T, operation: Read, description: d, match: 'GET /redfish/v1/Read', p2c: 'HSO and CP' }
`;
const guard = 'Guarded:\n  cp.pre: External.Open\n';

/** Loaded once for all tests; `policySet('two')` is another version of the same. */
export const policySet = await loadTable();

async function loadTable(): Promise<(version: string) => PolicySet> {
	const folder = await mkdtemp(join(tmpdir(), 'bimetal-approve-'));
	try {
		for (const party of ['hso', 'cp', 'si']) await mkdir(join(folder, party));
		await writeFile(join(folder, 'operations.yaml'), table);
		await writeFile(join(folder, 'cp', 'guard.yaml'), guard);
		const set = await loadPolicies({ folder, parties: ['HSO', 'CP', 'SI'], externalSources: ['Open'] });
		return version => ({ ...set, version });
	} finally {
		await rm(folder, { recursive: true });
	}
}

/** What the BMC was sent, and what it answers. */
export interface FakeBmc {
	readonly sent: { call: Call; request: RequestDocument | undefined }[];
	answer: (call: Call) => Promise<Answer>;
}

/** Everything that an approval passes through, with a BMC, facts, roster and audit log that a test turns. */
export function createBench(
	options: {
		expireAfter?: number;
		executeWithin?: number;
		approvalValidFor?: number;
		signed?: 'required' | 'optional';
		maxPerOperator?: number;
	} = {},
) {
	const clock = new FakeClock();
	const store = createMemoryStore();
	const seen: RequestDocument[] = [];
	const waitingDeps = {
		store,
		clock,
		expireAfter: options.expireAfter ?? 60_000,
		executeWithin: options.executeWithin ?? 1000,
		maxPerOperator: options.maxPerOperator ?? 100,
		onChange: (request: RequestDocument) => void seen.push(request),
	};
	const waiting = createWaitingRequests(waitingDeps);
	const records: AuditRecord[] = [];
	const world = {
		open: true,
		gone: new Set<string>(),
		/** Public keys, by operator. */
		keys: new Map<string, string>(),
		/** Names of persons where they are others than the accounts'. */
		persons: new Map<string, string>(),
		policies: activate(policySet('one')),
		auditFault: undefined as Error | undefined,
		/** The proxy has been killed, as far as what it wanted to do later is concerned. */
		dead: false,
		/** Awaited before a request that was decided on is sent. */
		beforeSending: (): Promise<void> => Promise.resolve(),
		/** Awaited while facts are read. */
		whileReading: (): Promise<void> => Promise.resolve(),
	};
	const audit: AuditLog = {
		append(record) {
			if (world.auditFault) {
				const durable = Promise.reject(world.auditFault);
				durable.catch(() => undefined);
				return { durable };
			}
			records.push(record);
			return { durable: Promise.resolve() };
		},
		healthy: () => world.auditFault === undefined,
		head: () => ({ seq: 0, hash: '' }),
		close: async () => undefined,
	};
	const bmc: FakeBmc = {
		sent: [],
		answer: async () => ({ status: 204, headers: { 'odata-version': '4.0' }, body: undefined }),
	};
	const connection: BmcConnection = {
		target: { name: 'node1', rack: 'rack1', url: 'http://127.0.0.1:1' },
		send: () => Promise.reject(new Error('not through here')),
		pass: () => Promise.reject(new Error('not through here')),
		read: () => Promise.reject(new Error('not through here')),
		stream: () => Promise.reject(new Error('not through here')),
		openSocket: () => Promise.reject(new Error('no console here')),
		streams: () => 0,
		session: () => undefined,
		token: () => Promise.reject(new Error('not through here')),
		state: () => 'up',
		noteState: () => undefined,
		close: async () => undefined,
	};
	const bmcs = new Map([['node1', connection]]);
	const personOf = ({ name }: Operator) =>
		world.gone.has(name) ? undefined : (world.persons.get(name) ?? name);
	const consider: Consider = createConsider({
		personOf,
		clock,
		claims: noClaims,
		async readExternal(names) {
			await world.whileReading();
			const value: ExternalValue = { status: 'fresh', value: world.open, asOf: clock.now() };
			return Object.fromEntries(names.map(name => [name, value]));
		},
	});
	/** What a dead proxy wanted to try again is never tried. */
	const after: FakeClock['after'] = (ms, fn) => clock.after(ms, () => world.dead || fn());
	const approverDeps = {
		waiting,
		mediator: {
			async execute(call: Call, _verdict: unknown, beforeSending: () => Promise<unknown>) {
				await world.beforeSending();
				await beforeSending();
				// As it is on disk at the moment when the BMC is sent something.
				const [executing] = await waiting.list({ state: 'executing', limit: 10 });
				bmc.sent.push({ call, request: executing });
				return bmc.answer(call);
			},
		},
		consider,
		policies: () => world.policies,
		personOf,
		bmcs,
		audit,
		lanes: createLanes(),
		clock: { now: () => clock.now(), elapsed: () => clock.elapsed(), after },
		approvalValidFor: options.approvalValidFor,
		signed: options.signed ?? 'optional',
		keyOf: ({ name }: Operator) => world.keys.get(name),
	};
	const approver = createApprover(approverDeps);

	const callOf = (operator: Operator, path = resetPath, body: JsonValue = { ResetType: 'On' }): Call => {
		const method = path.endsWith('Read') ? 'GET' : 'POST';
		const hasBody = method === 'POST';
		return {
			request: {
				method,
				path,
				segments: path.split('/').slice(1),
				query: [],
				ifMatch: undefined,
				ifNoneMatch: undefined,
				body: hasBody ? body : undefined,
				bytes: hasBody ? Buffer.from(JSON.stringify(body)) : undefined,
				contentType: hasBody ? 'application/json' : undefined,
			},
			operator,
			bmc: connection,
			prefix: '',
		};
	};
	/** What the mediator does with a request that has to wait. */
	const hold = async (operator: Operator, path?: string, body?: JsonValue): Promise<RequestDocument> => {
		const call = callOf(operator, path, body);
		const found = world.policies.classify(call.request);
		if (found.kind !== 'known') throw new Error(found.reason);
		const verdict = await consider(world.policies, found.operations, call, [operator]);
		if (verdict.kind !== 'wait') throw new Error(`it does not wait: ${verdict.kind}`);
		return waiting.hold(call, verdict, {
			operations: found.operations,
			policyVersion: world.policies.set.version,
		});
	};
	/** The proxy after a restart: the same disk, nothing else. */
	const restart = () => createWaitingRequests(waitingDeps);
	return {
		clock,
		store,
		waiting,
		approver,
		approverDeps,
		world,
		records,
		bmc,
		bmcs,
		seen,
		hold,
		callOf,
		restart,
	};
}
export type Bench = ReturnType<typeof createBench>;

/** The code with which it is refused; undefined when it is not. */
export async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
	try {
		await work;
		return undefined;
	} catch (fault) {
		return (fault as BimetalError).code;
	}
}
