import { existsSync } from 'node:fs';
import path from 'node:path';
import { type AuditEntry, readAudit } from '../../proxy/audit/read-audit.ts';
import { type AuditVerdict, verifyAudit } from '../../proxy/audit/verify-audit.ts';
import { type CliContext, commandName } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { usageError } from '../failure.ts';
import { painter, printJson, printLine, printTable, short } from '../output.ts';
import { visible } from '../visible.ts';
import { keyIn, type VerifyOptions } from './audit-options.ts';

/** `bimetal audit verify FOLDER [--key FILE] [--expect HEAD]` */
export async function verify(context: CliContext, given: string, options: VerifyOptions): Promise<number> {
	const folder = logFolder(context, given);
	const expect = options.expect === undefined ? undefined : parseHead(options.expect);
	const key = keyIn(context, options.key);
	const verdict = await verifyAudit({ folder, ...(expect && { expect }), ...(key && { key }) });
	const paint = painter(context);
	if (options.json) printJson(context, verdict);
	else if (verdict.ok) {
		const head = `${verdict.head.seq}:${verdict.head.hash}`;
		printLine(context, `${paint('green', 'Unchanged')}: ${verdict.records} records. ${signedText(verdict)}`);
		if (verdict.signed && !key) {
			printLine(
				context,
				'The key is the one in the folder; hold it against the one that you were given (--key).',
			);
		}
		printLine(context, 'Keep the head elsewhere, to see later that none was cut off:');
		printLine(context, `  ${commandName(context)} audit verify ${given} --expect ${head}`);
	} else {
		printLine(
			context,
			`${paint('red', 'Not what was written')}: ${visible(verdict.file)}:${verdict.line}: ${visible(verdict.reason)}`,
		);
	}
	return verdict.ok ? exitCodes.ok.code : exitCodes.fault.code;
}

function signedText({ records, signed }: Extract<AuditVerdict, { ok: true }>): string {
	if (!signed) return 'None is signed.';
	const rest = records - signed.size;
	const which = rest === 0 ? 'All' : `All but the last${rest === 1 ? '' : ` ${rest}`}`;
	return `${which} are signed by ${visible(signed.verifier)}, in ${signed.checkpoints} checkpoints.`;
}

/** `bimetal audit show FOLDER [--last N]`: the records, checked while they are read. */
export async function show(
	context: CliContext,
	given: string,
	options: { readonly last?: number; readonly request?: string; readonly json?: boolean },
): Promise<number> {
	const { last = Number.POSITIVE_INFINITY, request } = options;
	const entries: AuditEntry[] = [];
	for await (const entry of readAudit({ folder: logFolder(context, given) })) {
		if (request && !('requestId' in entry.record && entry.record.requestId === request)) continue;
		entries.push(entry);
		if (entries.length > last) entries.shift();
	}
	if (options.json) printJson(context, { records: entries });
	else if (entries.length === 0) printLine(context, 'No records.');
	else await printTable(context, ['NO', 'TIME', 'KIND', 'WHO', 'WHAT', 'OUTCOME'], entries.map(row));
	return exitCodes.ok.code;
}

function row({ seq, time, record }: AuditEntry): string[] {
	const [who, what, outcome] = describe(record);
	return [String(seq), time, record.kind, short(who, 40), short(what, 80), short(outcome, 60)];
}

function describe(record: AuditEntry['record']): [who: string, what: string, outcome: string] {
	switch (record.kind) {
		case 'start':
			return ['', `proxy ${record.version}`, 'started'];
		case 'stop':
			return ['', 'proxy', `stopped: ${record.reason}`];
		case 'policies':
			return [
				'',
				`policies ${record.version?.slice(0, 12) ?? ''}`,
				[record.outcome, ...record.problems].join('; '),
			];
		case 'login':
			return [record.operator ?? '(nobody)', `log-in from ${record.from}`, record.outcome];
		case 'decision': {
			const body = record.request?.body ? ` ${record.request.body}` : '';
			const call = `${record.method} ${record.path.replace('/redfish/v1/', '')} at ${record.bmc}${body}`;
			const answer = record.status === null ? '' : ` ${record.status}`;
			return [
				`${record.operator} (${record.party})`,
				call,
				`${record.breakGlass ? 'BREAK-GLASS ' : ''}${record.verdict}${answer}${record.clause ? `: ${record.clause}` : ''}`,
			];
		}
		case 'approval':
			return [
				`${record.operator} (${record.party})`,
				`request ${record.requestId}`,
				record.comment ? `${record.decision}: ${record.comment}` : record.decision,
			];
		case 'governance':
			return [
				record.operator ? `${record.operator} (${record.party})` : '',
				`${record.change ? `change ${record.change}: ` : ''}${record.scopes.join(', ')} ${record.version.slice(0, 12)}`,
				record.comment ? `${record.action}: ${record.comment}` : record.action,
			];
		case 'break-glass':
			return [
				record.operator ? `${record.operator} (${record.party})` : record.party,
				`BREAK-GLASS ${record.id}: ${record.operations.join(', ')}`,
				`${record.action}: ${record.reason}`,
			];
		case 'console':
			return [
				`${record.by} (console)`,
				record.bmc ? `${record.action} ${record.bmc}` : record.action,
				[record.outcome, ...record.detail].join('; '),
			];
		case 'lockout':
			return [
				record.by ?? record.operator ?? '(nobody)',
				`log-ins of ${record.operator ?? '(nobody)'} from ${record.from ?? 'anywhere'}`,
				record.until === null ? 'unlocked' : `locked until ${new Date(record.until).toISOString()}`,
			];
		case 'clock':
			return [
				'',
				'the clock of the proxy’s host',
				`set ${record.jumpedMs < 0 ? 'back' : 'forward'} by ${Math.abs(record.jumpedMs) / 1000} s`,
			];
		case 'outage':
			return [
				'',
				`nothing was recorded since ${record.since}`,
				`${record.refused} refused: ${record.reason}`,
			];
		case 'events':
			return [
				record.operator ? `${record.operator} (${record.party})` : record.party,
				`events of ${record.bmc}: ${record.id}`,
				record.detail ? `${record.action}: ${record.detail}` : record.action,
			];
		case 'sessions':
			return [
				`${record.operator} (${record.party})`,
				record.action === 'end' ? 'a session of its own' : `sessions of ${record.party}`,
				record.action === 'end' ? 'ended' : `end after ${record.timeout} s without use`,
			];
		case 'console-session': {
			const by = record.endedBy ? ` by ${record.endedBy.operator} (${record.endedBy.party})` : '';
			return [
				`${record.operator} (${record.party})`,
				`${record.console} console ${record.id}: ${record.path} at ${record.bmc}`,
				record.action === 'end' ? `ended${by}: ${record.reason}` : record.action,
			];
		}
		case 'transcript-deleted':
			return ['', `transcript of console ${record.id}`, 'deleted: it was older than the site keeps them'];
		case 'doors':
			return [
				record.operator ?? '',
				`doors of ${record.bmc}`,
				record.open.length ? `${record.state}: ${record.open.join(', ')}` : record.state,
			];
		case 'answer':
			return [
				record.bmc,
				record.requestId ? `request ${record.requestId}` : `decision ${record.decision ?? ''}`,
				record.outcome === 'unknown'
					? 'outcome unknown: the proxy had stopped; look at the resource'
					: `${record.status} after ${Math.round(record.tookMs)} ms`,
			];
	}
}

function logFolder(context: CliContext, given: string): string {
	const folder = path.resolve(context.cwd, given);
	if (!existsSync(folder))
		throw usageError(`there is no folder ${folder}`, "the 'audit' folder of the site file");
	return folder;
}

/** `12:ab…`: number and hash of the last record, as `audit verify` prints them. */
function parseHead(text: string): { seq: number; hash: string } {
	const match = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text);
	if (!match?.[1] || !match[2])
		throw usageError(
			`'${text}' is no head of a log`,
			"--expect NUMBER:HASH as an earlier 'audit verify' printed it",
		);
	return { seq: Number(match[1]), hash: match[2] };
}
