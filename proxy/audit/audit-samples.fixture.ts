import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import type { AuditRecord } from './audit-record.ts';

export async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
	const folder = await mkdtemp(join(tmpdir(), 'bimetal-audit-'));
	try {
		await body(folder);
	} finally {
		await rm(folder, { recursive: true });
	}
}

/** The log's lines with the newlines, file by file. */
export async function linesByFile(folder: string): Promise<[file: string, lines: string[]][]> {
	const names = (await readdir(folder)).filter(name => name.endsWith('.jsonl')).sort();
	return Promise.all(
		names.map(async (name): Promise<[string, string[]]> => {
			const path = join(folder, name);
			return [path, (await readFile(path, 'utf8')).split(/(?<=\n)/)];
		}),
	);
}

export async function writeLines(files: readonly (readonly [file: string, lines: readonly string[]])[]) {
	for (const [file, lines] of files) await writeFile(file, lines.join(''));
}

export function decision(n: number): AuditRecord {
	return {
		kind: 'decision',
		requestId: null,
		operator: 'cp-operator',
		party: 'CP',
		bmc: 'node1',
		method: 'POST',
		path: '/redfish/v1/Systems/system/Actions/ComputerSystem.Reset',
		operations: ['Set power state'],
		verdict: 'execute',
		clause: 'CP and hso',
		policyVersion: 'a'.repeat(64),
		digest: null,
		policies: [
			{
				party: 'HSO',
				operation: 'Set power state',
				expression: 'COUNT(External.Servers.State=="Up")>=6',
				holds: true,
				reason: `COUNT(External.Servers.State=="Up") is ${n}`,
			},
		],
		status: null,
	};
}

const text = fc.string({ unit: 'binary', maxLength: 12 });
export const anyRecord: fc.Arbitrary<AuditRecord> = fc.oneof(
	fc.record({ kind: fc.constant('start' as const), version: text }),
	fc.record({ kind: fc.constant('stop' as const), reason: text }),
	fc.record({ kind: fc.constant('login' as const), operator: fc.option(text), outcome: text, from: text }),
	fc.record(
		{
			kind: fc.constant('answer' as const),
			requestId: fc.option(text),
			decision: fc.nat(),
			bmc: text,
			status: fc.integer({ min: 100, max: 599 }),
			tookMs: fc.double({ noNaN: true, noDefaultInfinity: true }).map(ms => ms + 0),
			outcome: fc.constant('unknown' as const),
		},
		{ requiredKeys: ['kind', 'requestId', 'bmc', 'status', 'tookMs'] },
	),
	fc.record({ kind: fc.constant('clock' as const), jumpedMs: fc.integer() }),
	fc.record({
		kind: fc.constant('policies' as const),
		version: fc.option(text),
		outcome: fc.constantFrom('loaded' as const, 'refused' as const),
		problems: fc.array(text, { maxLength: 3 }),
	}),
	fc.record({
		kind: fc.constant('approval' as const),
		requestId: text,
		operator: text,
		party: text,
		decision: fc.constantFrom('approve' as const, 'deny' as const, 'withdraw' as const, 'expire' as const),
		digest: fc.constant('0123456789abcdef'.repeat(4)),
		comment: fc.option(text),
	}),
	fc.record({
		kind: fc.constant('console' as const),
		action: fc.constantFrom('enrol' as const, 'release' as const, 'backup' as const, 'restore' as const),
		outcome: fc.constantFrom('begun' as const, 'done' as const, 'failed' as const),
		bmc: fc.option(text),
		by: text,
		at: fc.constant('2026-01-01T00:00:00.000Z'),
		detail: fc.array(text, { maxLength: 3 }),
	}),
	fc.record({
		kind: fc.constant('doors' as const),
		bmc: text,
		state: fc.constantFrom('shut' as const, 'open' as const, 'unknown' as const),
		open: fc.array(text, { maxLength: 3 }),
		operator: fc.option(text),
	}),
	fc.record({
		kind: fc.constant('sessions' as const),
		action: fc.constantFrom('set-timeout' as const, 'end' as const),
		operator: text,
		party: text,
		timeout: fc.option(fc.nat()),
	}),
	fc.record({ kind: fc.constant('transcript-deleted' as const), id: text, olderThanMs: fc.nat() }),
	fc.record({
		kind: fc.constant('console-session' as const),
		action: fc.constantFrom('open' as const, 'watch' as const, 'unwatch' as const, 'end' as const),
		id: text,
		bmc: text,
		path: text,
		console: fc.constantFrom('serial' as const, 'kvm' as const, 'media' as const),
		operator: text,
		party: text,
		requestId: fc.option(text),
		clause: fc.option(text),
		approvedBy: fc.array(fc.record({ operator: text, party: text }), { maxLength: 2 }),
		endedBy: fc.option(fc.record({ operator: text, party: text })),
		reason: fc.option(text),
		bytesIn: fc.nat(),
		bytesOut: fc.nat(),
		tookMs: fc.nat(),
		transcript: fc.option(
			fc.record({
				sha256: fc.constant('0123456789abcdef'.repeat(4)),
				bytes: fc.nat(),
				complete: fc.boolean(),
			}),
		),
	}),
	fc.record({
		kind: fc.constant('lockout' as const),
		action: fc.constantFrom('lock' as const, 'unlock' as const),
		operator: fc.option(text),
		party: fc.option(text),
		from: fc.option(text),
		failures: fc.nat(),
		until: fc.option(fc.nat()),
		by: fc.option(text),
	}),
	fc.record({
		kind: fc.constant('events' as const),
		action: fc.constantFrom('follow' as const, 'end' as const, 'subscribe' as const),
		id: text,
		bmc: text,
		operator: fc.option(text),
		party: text,
		detail: text,
	}),
	fc.record({
		kind: fc.constant('outage' as const),
		reason: text,
		since: fc.constant('2026-01-01T00:00:00.000Z'),
		refused: fc.nat(),
	}),
	fc.nat().map(decision),
	fc.tuple(fc.nat(), fc.option(text), text, fc.array(text, { maxLength: 2 })).map(
		([n, body, value, query]) =>
			({
				...decision(n),
				policies: [
					{
						party: 'CP',
						operation: 'Set power state',
						expression: 'Request.Body.ResetType=="On"',
						holds: false,
						reason: '',
						values: [{ expression: 'Request.Body.ResetType', value }],
					},
				],
				request: { body, contentType: 'application/json', query, size: n },
			}) as AuditRecord,
	),
	fc.nat().map(n => ({ ...decision(n), breakGlass: `b${n}` }) as AuditRecord),
	fc.record({
		kind: fc.constant('governance' as const),
		action: fc.constantFrom('propose' as const, 'approve' as const, 'take' as const),
		change: fc.option(text),
		scopes: fc.array(text, { maxLength: 3 }),
		operator: fc.option(text),
		party: fc.option(text),
		replaces: fc.option(text),
		version: text,
		digest: fc.option(fc.constant('0123456789abcdef'.repeat(4))),
		signature: fc.option(text),
		comment: fc.option(text),
	}),
	fc.record({
		kind: fc.constant('break-glass' as const),
		action: fc.constantFrom('open' as const, 'end' as const),
		id: text,
		party: text,
		operator: fc.option(text),
		reason: text,
		operations: fc.array(text, { maxLength: 3 }),
		until: fc.nat(),
		uses: fc.nat(),
		signature: fc.option(text),
	}),
);
