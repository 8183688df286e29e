import { existsSync } from 'node:fs';
import path from 'node:path';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { type AuditRecord, auditRecord } from '../../proxy/audit/audit-record.ts';
import { unseal } from '../../proxy/audit/chain.ts';
import { readAudit } from '../../proxy/audit/read-audit.ts';
import {
	type RecordedDecision,
	type Replay,
	replayPolicies,
} from '../../proxy/policy/analysis/replay-policies.ts';
import { type ConnectionOptions, withConnection } from '../connection.ts';
import { type CliContext, commandName } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { usageError } from '../failure.ts';
import { painter, printJson, printLine } from '../output.ts';
import { visible } from '../visible.ts';
import { loadPolicySet, policyFolder, readPolicySite } from './policy-site.ts';

export interface PolicyReplayOptions extends ConnectionOptions {
	readonly audit?: string;
	readonly site?: string;
	readonly json?: boolean;
}

/** `bimetal policy replay NEW`: what a policy set would have decided otherwise on what is on record. */
export async function replayPolicyFolder(
	context: CliContext,
	given: string,
	options: PolicyReplayOptions,
): Promise<number> {
	const site = await readPolicySite(context, options.site);
	const example = `${commandName(context)} policy replay FOLDER --audit FOLDER`;
	const set = await loadPolicySet(policyFolder(context, given, site, example), site);
	const entries =
		options.audit === undefined ? fromProxy(context, options) : fromFolder(context, options.audit);
	const replay = replayPolicies(set, await readDecisions(entries));
	if (options.json) printJson(context, viewReplay(replay));
	else printReplay(context, replay);
	return replay.changed.length > 0 ? exitCodes.found.code : exitCodes.ok.code;
}

interface Entry {
	readonly seq: number;
	readonly time: string;
	readonly record: AuditRecord;
}

async function* fromFolder(context: CliContext, given: string): AsyncGenerator<Entry> {
	const folder = path.resolve(context.cwd, given);
	if (!existsSync(folder)) throw usageError(`there is no folder ${folder}`, '--audit .bimetal/audit');
	yield* readAudit({ folder });
}

const pageSize = 500;

/** What the proxy has signed of its log. */
async function* fromProxy(context: CliContext, options: ConnectionOptions): AsyncGenerator<Entry> {
	for (let after = 0; ; ) {
		const lines = await withConnection(context, options, ({ client }) =>
			client.audit.records(after, pageSize),
		);
		for (const line of lines) {
			const sealed = unseal(Buffer.from(`${line}\n`));
			const parsed = auditRecord.safeParse(sealed?.record);
			if (!sealed || !parsed.success) {
				throw new BimetalError('BadAnswer', `a record after ${after} is not what was written`, {
					status: 502,
				});
			}
			after = sealed.seq;
			yield { seq: sealed.seq, time: sealed.time, record: parsed.data };
		}
		if (lines.length === 0) return;
	}
}

/** Decisions, each with those who had authorized it by then. */
async function readDecisions(entries: AsyncIterable<Entry>): Promise<RecordedDecision[]> {
	const decisions: RecordedDecision[] = [];
	const approvals = new Map<string, { name: string; party: string }[]>();
	for await (const { seq, time, record } of entries) {
		if (record.kind === 'approval' && record.decision === 'approve') {
			const before = approvals.get(record.requestId) ?? [];
			approvals.set(record.requestId, [...before, { name: record.operator, party: record.party }]);
		}
		if (record.kind !== 'decision') continue;
		const approved = record.requestId === null ? [] : (approvals.get(record.requestId) ?? []);
		decisions.push({
			seq,
			time,
			requestId: record.requestId,
			operator: record.operator,
			party: record.party,
			bmc: record.bmc,
			method: record.method,
			path: record.path,
			verdict: record.verdict,
			clause: record.clause,
			policies: record.policies.map(policy => ({ ...policy, values: policy.values ?? [] })),
			...readBody(record.request?.body, record.request?.size ?? 0),
			image: imageOf(record.request?.image),
			authorizers: [{ name: record.operator, party: record.party }, ...approved],
			isBreakGlass: record.breakGlass !== undefined,
		});
	}
	return decisions;
}

const imageOf = (
	image: { sha256: string; size: number; fileName: string | null } | undefined,
): RecordedDecision['image'] => image && { SHA256: image.sha256, Size: image.size, FileName: image.fileName };

/** A long body was cut when it was recorded, and secrets were taken out of it. */
function readBody(
	text: string | null | undefined,
	size: number,
): Pick<RecordedDecision, 'body' | 'isBodyWhole'> {
	if (text === null || text === undefined) return { body: undefined, isBodyWhole: size === 0 };
	try {
		return { body: JSON.parse(text), isBodyWhole: !text.includes('[redacted]') && !text.includes('…') };
	} catch {
		return { body: undefined, isBodyWhole: false };
	}
}

function byReason(open: Replay['open']): readonly (readonly [why: string, count: number])[] {
	const counts = new Map<string, number>();
	for (const { why } of open) counts.set(why, (counts.get(why) ?? 0) + 1);
	return [...counts].sort(([, a], [, b]) => b - a);
}

function viewReplay({ changed, same, open }: Replay) {
	return {
		same,
		changed: changed.map(({ decision, verdicts, detail }) => ({
			seq: decision.seq,
			time: decision.time,
			operator: decision.operator,
			party: decision.party,
			bmc: decision.bmc,
			method: decision.method,
			path: decision.path,
			before: decision.verdict,
			after: verdicts,
			detail,
		})),
		notReplayed: byReason(open).map(([why, count]) => ({ why, count })),
	};
}

const was = { execute: 'was executed', wait: 'waited', deny: 'was denied' } as const;

function printReplay(context: CliContext, { changed, same, open }: Replay): void {
	const paint = painter(context);
	for (const { decision, detail } of changed) {
		const { seq, time, operator, method, path: target, bmc, verdict, clause } = decision;
		const before = `${was[verdict]}${clause === null ? '' : ` under "${clause}"`}`;
		const text = `${seq}  ${time}  ${operator}: ${method} ${target} at ${bmc} ${before} → ${detail}`;
		printLine(context, visible(text));
	}
	const total = changed.length + same + open.length;
	const verdict = `${changed.length} of ${total} decisions would have been others, ${same} the same`;
	printLine(context, changed.length > 0 ? paint('yellow', verdict) : paint('green', verdict));
	if (open.length === 0) return;
	printLine(context, `${open.length} could not be replayed:`);
	for (const [why, count] of byReason(open)) printLine(context, visible(`  ${count}  ${why}`));
}
