// The commands of images, disks and operations against a real provisioner over HTTP.
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { listen } from '../../common/http/listen.ts';
import { type ProvisionerBench, startProvisioner } from '../../provisioner/provisioner.fixture.ts';
import { createTestTls } from '../../test/site-folder.ts';
import { hilProfiles } from '../hil/hil-profile.ts';
import { createTerminal } from '../test-terminal.ts';

async function start(t: ExecutionContext) {
	const bench = await startProvisioner(t, { allowHosts: ['127.0.0.1'] });
	const home = await mkdtemp(path.join(tmpdir(), 'bimetal-image-cli-'));
	t.teardown(() => rm(home, { recursive: true }));
	const profile = async (name: string, user: string, provisioner: string) => {
		const passwordFile = path.join(home, `${user}.password`);
		await writeFile(passwordFile, `${user}\n`, { mode: 0o600 });
		await hilProfiles.save(home, { name, url: 'http://127.0.0.1:1', user, passwordFile, provisioner });
	};
	await profile('default', 'alice', bench.url);
	await profile('blue', 'bob', bench.url);
	await profile('admin', 'root', bench.url);
	const terminal = (tty = false) => createTerminal({ cwd: home, tty, env: { BIMETAL_HOME: home } });
	const run = (...argv: string[]) => terminal().run(...argv);
	return { bench, home, run, terminal, profile };
}

const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 31) % 253));
const sha256 = createHash('sha256').update(bytes).digest('hex');

test('a file becomes an image, a disk, a snapshot, and a file again', async t => {
	const { home, run, terminal } = await start(t);
	await writeFile(path.join(home, 'Debian 13.img'), bytes);
	const imported = await terminal(true).run('image', 'import', 'Debian 13.img');
	t.is(imported.code, 0, imported.err);
	t.is(
		stripVTControlCharacters(imported.out),
		'red/debian-13@1 is there. Next: bimetal disk create DISK red/debian-13@1\n',
	);
	t.regex(imported.err, /Uploading ░|Uploading █/);
	t.like(JSON.parse((await run('image', 'show', 'debian-13', '--json')).out), { sha256, size: bytes.length });
	t.regex((await run('image', 'list')).out, /red\/debian-13@1\s+300 kB\s+its project\s+ready/);
	t.regex(
		(await run('disk', 'create', 'web', 'debian-13')).out,
		/red\/web is there: a clone of red\/debian-13@1/,
	);
	t.regex((await run('disk', 'list')).out, /red\/web\s+300 kB\s+0 B\s+red\/debian-13@1\s+-\s+saved/);
	t.regex((await run('disk', 'show', 'web')).out, /takes\s+0 B of its own.*\n.*\nshares\s+300 kB\n/);
	t.regex((await run('disk', 'snapshot', 'web', 'kept')).out, /red\/kept@1 is there/);
	t.regex(
		(await run('usage')).out,
		/red\/debian-13@1\s+300 kB\s+300 kB\s+one disk.*\n {2}red\/web\s+300 kB\s+0 B\n/,
	);
	const exported = await run('image', 'export', 'kept', '--format', 'raw', '--out', 'back.img');
	t.is(exported.code, 0, exported.err);
	t.true((await readFile(path.join(home, 'back.img'))).equals(bytes));
	t.regex((await run('operation', 'list', '--all')).out, /disk\.snapshot\s+red\s+done/);
	t.is((await run('disk', 'delete', 'web')).code, 0);
	const used = await run('image', 'delete', 'debian-13');
	t.is(used.code, 8, 'a snapshot shares its bytes');
	t.is((await run('image', 'delete', 'kept')).code, 0);
	t.is((await run('image', 'delete', 'debian-13')).code, 0);
	t.regex((await run('image', 'list')).out, /No images/);
});

test('an image is built to trust authorities alone', async t => {
	const { home, run } = await start(t);
	await writeFile(path.join(home, 'nothing.pem'), 'nothing');
	const none = await run('image', 'build', 'debian', '--out', 'image', '--trust', 'nothing.pem');
	t.is(none.code, 2);
	t.regex(none.err, /no certificate in nothing\.pem/);
	const { server } = await createTestTls();
	await writeFile(path.join(home, 'server.pem'), server.certificatePem);
	const leaf = await run('image', 'build', 'debian', '--out', 'image', '--trust', 'server.pem');
	t.is(leaf.code, 2);
	t.regex(leaf.err, /is no authority's/);
	const small = await run('image', 'build', 'debian', '--out', 'image', '--package', 'nginx-light');
	t.regex(small.err, /--package goes with --full/);
	const option = await run('image', 'build', 'debian', '--out', 'image', '--full', '--package=-oAPT::x=y');
	t.regex(option.err, /is no name of a package/);
	const deaf = await run('image', 'build', 'airlock', '--out', 'image', '--trust', 'server.pem');
	t.regex(deaf.err, /has to know whom to ask/);
	const registrar = ['--registrar', 'https://10.9.0.1:5002'];
	const credulous = await run('image', 'build', 'airlock', '--out', 'image', ...registrar);
	t.regex(credulous.err, /by an authority/);
	const fuller = await run('image', 'build', 'airlock', '--out', 'image', ...registrar, '--full');
	t.regex(fuller.err, /go with debian/);
	const half = ['--trust', 'site.pem', '--sign-key', 'db.key'];
	const unsigned = await run('image', 'build', 'airlock', '--out', 'image', ...registrar, ...half);
	t.regex(unsigned.err, /a key and its certificate/);
	const signed = await run('image', 'build', 'debian', '--out', 'image', '--sign-key', 'db.key');
	t.regex(signed.err, /go with airlock/);
	const odd = await run('image', 'pcrs', 'server.pem');
	t.regex(odd.err, /no program for UEFI/);
	const other = await run('image', 'build', 'debian', '--out', 'image', ...registrar);
	t.regex(other.err, /go with airlock/);
});

test('what is shared is seen, what is protected stays, what is hidden is missing', async t => {
	const { bench, run } = await start(t);
	await bench.image('red', 'debian');
	t.is((await run('image', 'show', 'debian', '--as', 'blue')).code, 6);
	t.is((await run('image', 'share', 'debian', '--with', 'blue')).code, 0);
	t.is((await run('image', 'show', 'debian', '--as', 'blue')).code, 0);
	t.is((await run('image', 'protect', 'debian', '--as', 'blue')).code, 3);
	t.is((await run('image', 'share', 'debian')).code, 2);
	t.regex((await run('image', 'protect', 'debian')).out, /ready, protected/);
	const refused = await run('image', 'delete', 'debian');
	t.is(refused.code, 8);
	t.regex(refused.err, /try: bimetal image protect IMAGE --off/);
	t.is((await run('image', 'protect', 'debian', '--off')).code, 0);
	t.deepEqual((await run('__complete', '--', 'image', 'show', '')).out, 'red/debian@1\n');
	t.deepEqual((await run('__complete', '--', 'image', 'list', '--project', '')).out, 'red\n');
});

test('what a URL names is fetched; a wrong checksum is told', async t => {
	const { run } = await start(t);
	const server = await listen(
		createServer((_request, response) => void response.end(bytes)),
		{
			host: '127.0.0.1',
			port: 0,
		},
	);
	t.teardown(() => server.close(0));
	const url = `http://127.0.0.1:${server.port}/debian.img`;
	t.is((await run('image', 'import', url)).code, 2, 'a checksum is needed');
	const wrong = await run('image', 'import', url, '--sha256', sha256.replaceAll('a', 'b'));
	t.is(wrong.code, 1);
	t.regex(wrong.err, new RegExp(`What came has SHA-256 ${sha256}`));
	t.is((await run('image', 'import', url, '--sha256', sha256)).code, 0);
	t.regex((await run('image', 'show', 'debian')).out, new RegExp(url));
});

test('what images share is told, and what no record knows is removed by an administrator', async t => {
	const { bench, run } = await start(t);
	await bench.image('red', 'debian', 'a'.repeat(50_000));
	for (const name of ['a', 'b', 'c']) await run('disk', 'create', name, 'debian');
	bench.storage.volumes.set('lost', { bytes: Buffer.from('12345'), parent: null, isAttached: false });
	const own = await run('usage');
	t.regex(own.out, /red\/debian@1\s+50 kB\s+50 kB\s+shared by 3 disks\n( {2}red\/.*\n){3}/);
	t.regex(own.out, /\n50 kB taken; 200 kB if each disk were a copy\.\n$/);
	t.is((await run('usage', '--collect')).code, 3);
	const all = await run('usage', '--as', 'admin');
	t.regex(all.out, /lost\s+5 B\s+no record knows it/);
	t.regex(all.out, /'bimetal usage --collect --as admin' removes what no record knows/);
	t.is((await run('usage', '--collect', '--as', 'admin')).out, 'lost is removed.\n5 B are free again.\n');
	t.is((await run('usage', '--collect', '--as', 'admin')).out, 'Nothing was removed.\n');
});

/** A way to the provisioner that is cut once so many bytes have gone over it, and open again afterwards. */
async function cuttingRelay(t: ExecutionContext, { url }: ProvisionerBench, after: number): Promise<string> {
	let left = after;
	const relay = createServer((asked, answered) => {
		const { method, headers } = asked;
		let isOver = false;
		const onward = httpRequest(`${url}${asked.url}`, { method, headers }, answer => {
			answered.writeHead(answer.statusCode ?? 500, answer.headers);
			answer.pipe(answered);
		});
		onward.on('error', () => asked.destroy());
		asked.on('data', (chunk: Buffer) => {
			if (isOver) return;
			isOver = left > 0 && left <= chunk.length;
			left -= chunk.length;
			if (isOver)
				onward.write(chunk.subarray(0, 1000), () => {
					onward.destroy();
					asked.socket.destroy();
				});
			else onward.write(chunk);
		});
		asked.on('end', () => onward.end());
		asked.on('error', () => onward.destroy());
	});
	const listening = await listen(relay, { host: '127.0.0.1', port: 0 });
	t.teardown(() => listening.close(0));
	return `http://127.0.0.1:${listening.port}`;
}

test('an upload that is cut on its way goes on by itself; after Ctrl-C the same command goes on', async t => {
	const { bench, home, run, terminal, profile } = await start(t);
	const file = path.join(home, 'debian.img');
	await writeFile(file, bytes);
	await profile('cut', 'alice', await cuttingRelay(t, bench, 150_000));
	const cut = await run('image', 'import', 'debian.img', '--as', 'cut');
	t.is(cut.code, 0, cut.err);
	t.true([...bench.storage.volumes.values()][0]?.bytes.equals(bytes));

	// An upload that somebody has interrupted half-way.
	const begun = await fetch(`${bench.url}/v1/uploads`, {
		method: 'POST',
		headers: {
			authorization: `Basic ${Buffer.from('alice:alice').toString('base64')}`,
			'tus-resumable': '1.0.0',
			'upload-length': String(bytes.length),
			'upload-metadata': Object.entries({ project: 'red', name: 'half', format: 'raw', sha256 })
				.map(([key, value]) => `${key} ${Buffer.from(value).toString('base64')}`)
				.join(','),
		},
	});
	const { id } = (await begun.json()) as { id: string };
	await writeFile(bench.staged.pathOf(id), bytes.subarray(0, 123_456));
	const stopped = terminal();
	stopped.interrupt.abort();
	const interrupted = await stopped.run(
		'image',
		'import',
		'debian.img',
		'--name',
		'half',
		'--project',
		'red',
	);
	t.is(interrupted.code, 130);
	t.regex(interrupted.err, /the same command again/);
	const again = await run('image', 'import', 'debian.img', '--name', 'half');
	t.is(again.code, 0, again.err);
	t.deepEqual(await bench.staged.ids(), []);
	t.is(bench.storage.volumes.size, 2);
	for (const volume of bench.storage.volumes.values()) t.true(volume.bytes.equals(bytes));
});

test('without a provisioner it is said how to name one', async t => {
	const { home } = await start(t);
	const passwordFile = path.join(home, 'alice.password');
	await hilProfiles.save(home, { name: 'bare', url: 'http://127.0.0.1:1', user: 'alice', passwordFile });
	const terminal = createTerminal({ cwd: home, env: { BIMETAL_HOME: home } });
	const told = await terminal.run('image', 'list', '--as', 'bare');
	t.is(told.code, 2);
	t.regex(told.err, /which provisioner\?\n {2}try: --provisioner/);
	const away = await terminal.run('image', 'list', '--as', 'bare', '--provisioner', 'http://127.0.0.1:1');
	t.is(away.code, 7);
});
