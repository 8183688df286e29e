import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { FakeClock } from '../../common/clock.ts';
import { openAuditLog } from '../../proxy/audit/audit-log.ts';
import { createTerminal } from '../test-terminal.ts';

async function auditFolder(): Promise<string> {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-audit-'));
	const log = await openAuditLog({ folder, clock: new FakeClock() });
	const records = [
		{ kind: 'start', version: '0.1.0' },
		{ kind: 'login', operator: 'hso-operator', outcome: 'accepted', from: '127.0.0.1' },
		{
			kind: 'approval',
			requestId: 'r1',
			operator: 'cp-operator',
			party: 'CP',
			decision: 'approve',
			digest: 'ab'.repeat(32),
			comment: 'ticket\u001b[2J',
		},
		{ kind: 'answer', requestId: 'r1', bmc: 'node1', status: 204, tookMs: 12.4 },
		{
			kind: 'answer',
			requestId: null,
			decision: 7,
			bmc: 'node1',
			status: 504,
			tookMs: 1,
			outcome: 'unknown',
		},
	] as const;
	for (const record of records) await log.append(record).durable;
	await log.close();
	return folder;
}

test('a log is verified, goes on from a head, and a change to it is named', async t => {
	const folder = await auditFolder();
	t.teardown(() => rm(folder, { recursive: true }));
	const cli = createTerminal();
	const good = await cli.run('audit', 'verify', folder);
	t.is(good.code, 0);
	const head = /--expect (\S+)/.exec(good.out)?.[1] ?? '';
	t.is((await cli.run('audit', 'verify', folder, '--expect', head)).code, 0);
	t.is((await cli.run('audit', 'verify', folder, '--expect', '1:abc')).code, 2);
	t.is((await cli.run('audit', 'verify', folder, '--expect', `99:${'0'.repeat(64)}`, '--json')).code, 1);
	t.is((await cli.run('audit', 'verify', '/nonexistent')).code, 2);

	const [file = ''] = (await readdir(folder)).filter(name => name.endsWith('.jsonl'));
	const text = await readFile(path.join(folder, file), 'utf8');
	await writeFile(path.join(folder, file), text.replace('hso-operator', 'xso-operator'));
	const bad = await cli.run('audit', 'verify', folder);
	t.is(bad.code, 1);
	t.regex(bad.out, /Not what was written: .*:2: /);
});

test('the records as a table and as one document', async t => {
	const folder = await auditFolder();
	t.teardown(() => rm(folder, { recursive: true }));
	const cli = createTerminal();
	t.snapshot((await cli.run('audit', 'show', folder)).out);
	const json = JSON.parse((await cli.run('audit', 'show', folder, '--request', 'r1', '--json')).out);
	t.is(json.records.length, 2);
	t.is(JSON.parse((await cli.run('audit', 'show', folder, '--last', '1', '--json')).out).records[0].seq, 5);
});
