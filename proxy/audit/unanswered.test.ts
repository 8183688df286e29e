import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { FakeClock } from '../../common/clock.ts';
import { openAuditLog } from './audit-log.ts';
import type { AuditRecord } from './audit-record.ts';
import { createUnansweredChanges } from './unanswered.ts';

type Decision = Extract<AuditRecord, { kind: 'decision' }>;

const decision = (more: Partial<Decision>): AuditRecord => ({
	kind: 'decision',
	requestId: null,
	operator: 'cp-operator',
	party: 'CP',
	bmc: 'node1',
	method: 'POST',
	path: '/redfish/v1/Systems/system/Actions/ComputerSystem.Reset',
	operations: ['Reset'],
	verdict: 'execute',
	clause: 'CP',
	policyVersion: 'v',
	digest: null,
	policies: [],
	status: null,
	...more,
});
const answer = (more: { requestId?: string | null; decision?: number }): AuditRecord => ({
	kind: 'answer',
	requestId: null,
	bmc: 'node1',
	status: 204,
	tookMs: 1,
	...more,
});

test('exactly the changes to be executed that have no answer are told of, in any order of answers', t => {
	const kinds = fc.record({
		method: fc.constantFrom('POST', 'PATCH', 'DELETE', 'GET', 'HEAD', 'WEBSOCKET'),
		verdict: fc.constantFrom('execute' as const, 'wait' as const, 'deny' as const),
		isRequest: fc.boolean(),
		isAnswered: fc.boolean(),
		order: fc.nat(),
	});
	fc.assert(
		fc.property(fc.array(kinds, { maxLength: 30 }), each => {
			const unanswered = createUnansweredChanges();
			let seq = 0;
			const see = (record: AuditRecord) => {
				seq++;
				unanswered.see({ seq, time: '', record });
			};
			const decided = each.map((one, i) => {
				const requestId = one.isRequest ? `r${i}` : null;
				see(decision({ method: one.method, verdict: one.verdict, requestId }));
				return { ...one, requestId, seq };
			});
			for (const { requestId, seq: number } of decided
				.filter(({ isAnswered }) => isAnswered)
				.sort((a, b) => a.order - b.order))
				see(answer(requestId === null ? { decision: number } : { requestId }));
			const expected = decided.filter(
				({ method, verdict, isAnswered }) =>
					!isAnswered && verdict === 'execute' && ['POST', 'PATCH', 'DELETE'].includes(method),
			);
			t.deepEqual(
				unanswered.list().map(found => found.decision),
				expected.map(found => found.seq),
			);
		}),
	);
	t.pass();
});

test('a log that is opened again tells of them; what was answered since is told of no more', async t => {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-unanswered-'));
	t.teardown(() => rm(folder, { recursive: true }));
	const clock = new FakeClock();
	const open = () => openAuditLog({ folder, clock, largestFile: 700 });
	let log = await open();
	t.deepEqual(log.unanswered, []);
	await log.append(decision({})).durable;
	await log.append(decision({ path: '/redfish/v1/Systems/other' })).durable;
	await log.append(answer({ decision: 1 })).durable;
	await log.close();
	log = await open();
	t.like(log.unanswered, [{ decision: 2, bmc: 'node1', path: '/redfish/v1/Systems/other' }]);
	await log.append(answer({ decision: 2 })).durable;
	await log.close();
	log = await open();
	t.deepEqual(log.unanswered, []);
	await log.close();
});
