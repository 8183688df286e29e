import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { FakeClock } from '../../common/clock.ts';
import type { AuditRecord } from '../../proxy/audit/audit-record.ts';
import type { PublishedLog } from '../../proxy/audit/published-log.ts';
import { openSignedLog } from '../../proxy/audit/signed-log.ts';
import { type FakeAnswer, type FakeProxy, problem } from '../../proxy/client/test-proxy.ts';
import { testWithSite } from '../test-site.ts';

const test = testWithSite();

const records = (count: number, from: string): AuditRecord[] =>
	Array.from({ length: count }, (_, n) => ({
		kind: 'login',
		operator: 'cp-operator',
		outcome: 'accepted',
		from: `${from}-${n}`,
	}));

/** Writes a log of these records and gives what a proxy shows of it, all read beforehand. */
async function showLog(
	folder: string,
	name: string,
	written: readonly AuditRecord[],
): Promise<FakeProxy['handle']> {
	const { log } = await openSignedLog({
		folder: path.join(folder, name),
		keyFile: path.join(folder, 'audit.key'),
		origin: 'bimetal/test',
		clock: new FakeClock(),
		onFault: fault => {
			throw fault;
		},
		checkpointRecords: 4,
	});
	for (const record of written) await log.append(record).durable;
	await log.close();
	const reopened = await openSignedLog({
		folder: path.join(folder, name),
		keyFile: path.join(folder, 'audit.key'),
		origin: 'bimetal/test',
		clock: new FakeClock(),
		onFault: () => undefined,
	});
	const answers = await answersOf(reopened.published, written.length);
	await reopened.log.close();
	return ({ url }) => {
		const { pathname, searchParams } = new URL(url, 'https://fake');
		if (!pathname.startsWith('/p2c/v1/audit/')) return undefined;
		return answers(pathname.slice('/p2c/v1/audit/'.length), name => Number(searchParams.get(name)));
	};
}

async function answersOf(log: PublishedLog, size: number) {
	const [lines, notes] = [await log.records(0, 1000), await log.checkpoints(0, 1000)];
	const paths = new Map<string, string[]>();
	for (let within = 1; within <= size; within++) {
		for (let seq = 1; seq <= within; seq++) {
			const hashes = (await log.inclusion(seq, within)) ?? [];
			paths.set(
				`${seq}/${within}`,
				hashes.map(hash => Buffer.from(hash).toString('base64')),
			);
		}
	}
	const sizeOf = (note: string) => Number(note.split('\n')[1]);
	return (what: string, number: (name: string) => number): FakeAnswer => {
		const [after, limit, seq, within] = ['after', 'limit', 'seq', 'size'].map(number) as [
			number,
			number,
			number,
			number,
		];
		const body = (document: unknown): FakeAnswer => ({ status: 200, body: document });
		if (what === 'key') return body({ verifier: log.verifier });
		if (what === 'checkpoint') return body({ checkpoint: log.checkpoint() });
		if (what === 'checkpoints')
			return body({ checkpoints: notes.filter(note => sizeOf(note) > after).slice(0, limit) });
		if (what === 'records') return body({ records: lines.slice(after, after + limit), next: null });
		const hashes = paths.get(`${seq}/${within}`);
		return hashes ? body({ seq, size: within, path: hashes }) : problem(404, 'NotFound', 'not signed');
	};
}

async function inFolder(t: ExecutionContext<unknown>): Promise<string> {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-audit-'));
	t.teardown(() => rm(folder, { recursive: true }));
	return folder;
}

test('a log is followed into a copy that verifies, offline', async t => {
	const folder = await inFolder(t);
	const { proxy, terminal } = t.context;
	proxy.handle = await showLog(folder, 'audit', records(10, 'a'));
	const cli = terminal({ cwd: folder });
	const followed = await cli.run('audit', 'follow', '--copy', 'copy', '--once', '--as', 'cp');
	t.is(followed.code, 0, followed.err);
	t.regex(followed.err, /signed with bimetal\/test\+.*\n.*hold this line against/);
	t.regex(followed.out, /^10 records in copy, signed at 2026/m);
	const again = await cli.run('audit', 'follow', '--copy', 'copy', '--once', '--json', '--as', 'cp');
	t.like(JSON.parse(again.out), { ok: true, size: 10 });
	t.is(again.err, '', 'the key is known now');

	await writeFile(path.join(folder, 'log.pub'), JSON.parse(again.out).key);
	const verified = await cli.run('audit', 'verify', 'copy', '--key', 'log.pub');
	t.is(verified.code, 0);
	t.regex(verified.out, /^Unchanged: 10 records\. All are signed by bimetal\/test\+/);
	t.notRegex(verified.out, /hold it against/);
	t.regex((await cli.run('audit', 'verify', 'copy')).out, /hold it against/);
	t.is((await cli.run('audit', 'compare', 'copy', 'audit')).out, 'The same 10 records.\n');
	t.is((await cli.run('audit', 'compare', 'copy', 'nowhere')).code, 2);
	t.is((await cli.run('audit', 'verify', 'copy', '--key', 'copy/checkpoints.txt')).code, 2);
});

test('a record is proven by the proxy or from a copy, and checked by a third party', async t => {
	const folder = await inFolder(t);
	const { proxy, terminal } = t.context;
	proxy.handle = await showLog(folder, 'audit', records(10, 'a'));
	const cli = terminal({ cwd: folder });
	await cli.run('audit', 'follow', '--copy', 'copy', '--once', '--as', 'cp');
	const online = await cli.run('audit', 'prove', '7', '--as', 'cp');
	const offline = await cli.run('audit', 'prove', '7', '--copy', 'copy');
	t.is(online.code, 0, online.err);
	t.is(online.out, offline.out);
	t.is((await cli.run('audit', 'prove', '11', '--as', 'cp')).code, 6);
	t.is((await cli.run('audit', 'prove', '11', '--copy', 'copy')).code, 6);

	await writeFile(path.join(folder, 'proof.json'), online.out);
	const stranger = terminal({ cwd: folder, env: { BIMETAL_HOME: '/nonexistent' } });
	const checked = await stranger.run('audit', 'check-proof', 'proof.json', '--key', 'copy/log.pub');
	t.is(checked.code, 0, checked.err);
	t.regex(checked.out, /^Proven: record 7 is in the log of 10 records, signed at 2026.*\nKey: bimetal\/test/);
	t.regex((await stranger.run('audit', 'check-proof', 'proof.json')).out, /hold it against the one/);

	await writeFile(path.join(folder, 'proof.json'), online.out.replace('a-6', 'a-5'));
	t.is((await stranger.run('audit', 'check-proof', 'proof.json')).code, 1);
	const { record } = JSON.parse((await cli.run('audit', 'prove', '6', '--copy', 'copy')).out);
	await writeFile(path.join(folder, 'proof.json'), JSON.stringify({ ...JSON.parse(online.out), record }));
	const other = await stranger.run('audit', 'check-proof', 'proof.json', '--json');
	t.is(other.code, 1);
	t.like(JSON.parse(other.out), { ok: false, text: 'the signed log of 10 records has another record 6' });
	await writeFile(path.join(folder, 'proof.json'), '{}');
	t.is((await stranger.run('audit', 'check-proof', 'proof.json')).code, 2);
});

test('another history is caught, with evidence that convinces a third party', async t => {
	const folder = await inFolder(t);
	const { proxy, terminal } = t.context;
	const honest = await showLog(folder, 'audit', records(10, 'a'));
	const forged = await showLog(folder, 'forged', [...records(6, 'a'), ...records(5, 'b')]);
	const cli = terminal({ cwd: folder });
	proxy.handle = honest;
	await cli.run('audit', 'follow', '--copy', 'hso', '--once', '--as', 'hso');
	proxy.handle = forged;
	t.is(
		(await cli.run('audit', 'follow', '--copy', 'cp', '--once', '--as', 'cp')).code,
		0,
		'nothing wrong by itself',
	);

	const compared = await cli.run('audit', 'compare', 'hso', 'cp');
	t.is(compared.code, 1);
	t.regex(
		compared.out,
		/^Two histories: they part at record 7\n {2}.*hso.*:7: signed at .*\n {2}.*cp.*:7: signed at /,
	);

	const caught = await cli.run('audit', 'follow', '--copy', 'hso', '--as', 'hso');
	t.is(caught.code, 1);
	t.regex(caught.out, /They part at record 7\./);
	const [evidence = ''] = (await readdir(path.join(folder, 'hso'))).filter(name =>
		name.startsWith('parted-'),
	);
	const file = path.join('hso', evidence);
	const proven = await cli.run('audit', 'check-proof', file, '--key', 'hso/log.pub');
	t.is(proven.code, 0, proven.out);
	t.regex(proven.out, /the log's key signed two different records 7/);
	const document = JSON.parse(await readFile(path.join(folder, file), 'utf8'));
	await writeFile(path.join(folder, file), JSON.stringify({ ...document, theirs: document.ours }));
	t.is((await cli.run('audit', 'check-proof', file)).code, 1);
});

test('it goes on until Ctrl-C, also while the proxy is away', async t => {
	const folder = await inFolder(t);
	const { proxy, terminal } = t.context;
	const small = await showLog(folder, 'audit', records(3, 'a'));
	const larger = await showLog(folder, 'audit', records(4, 'c'));
	proxy.handle = small;
	const cli = terminal({
		cwd: folder,
		onError: text => {
			if (text.includes('trying again in 10 s')) cli.interrupt.abort();
		},
	});
	let looks = 0;
	proxy.handle = (call, who) => {
		if (call.url.endsWith('/checkpoint') && ++looks === 3) {
			// From here on nobody answers.
			setImmediate(() => void proxy.close());
		}
		return (looks < 2 ? small : larger)?.(call, who);
	};
	const ran = await cli.run('audit', 'follow', '--copy', 'copy', '--as', 'cp');
	t.is(ran.code, 0, ran.err);
	t.deepEqual(ran.out.match(/^\d+ records/gm), ['3 records', '7 records']);
	t.is((await cli.run('audit', 'verify', 'copy')).code, 0);
});
