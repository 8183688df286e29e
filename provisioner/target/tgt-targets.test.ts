// Real tgtd, and libiscsi's programs as initiators.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { systemClock } from '../../common/clock.ts';
import { silentLogger } from '../../common/log/logger.ts';
import { findChildren } from '../../common/processes/children.ts';
import { testNeeding } from '../../test/debian/test-needing.ts';
import { until } from '../../test/visitor.ts';
import { iscsi } from './libiscsi.fixture.ts';
import type { TargetSpec, Targets } from './targets.ts';
import { startTgtTargets } from './tgt-targets.ts';

const test = testNeeding('tgt', 'libiscsi-bin', 'qemu-block-extra');
const iqn = (name: string): string => `iqn.2026-11.test.bimetal:${name}`;

async function freePort(): Promise<number> {
	const server = createServer();
	await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
	const { port } = server.address() as { port: number };
	await new Promise(resolve => server.close(resolve));
	return port;
}

async function start(t: ExecutionContext, portalCount = 1) {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-target-'));
	// The clock of services keeps no process alive.
	const alive = setInterval(() => undefined, 1000);
	const run = `target-${randomUUID().slice(0, 8)}`;
	const portals: string[] = [];
	for (let index = 0; index < portalCount; index++) portals.push(`127.0.0.1:${await freePort()}`);
	const options = { folder, run, portals, clock: systemClock, logger: silentLogger };
	const targets = await startTgtTargets(options);
	await targets.admit();
	t.teardown(async () => {
		clearInterval(alive);
		await targets.close();
		await rm(folder, { recursive: true, force: true });
	});
	/** A file of so many MiB to serve. */
	const file = async (name: string, size: number): Promise<string> => {
		const handle = await open(path.join(folder, name), 'w');
		await handle.truncate(size * 2 ** 20);
		await handle.close();
		return path.join(folder, name);
	};
	const spec = async (name: string, size = 10, isReadOnly = false): Promise<TargetSpec> => ({
		iqn: iqn(name),
		units: [{ backing: { type: 'rdwr', path: await file(name, size) }, isReadOnly }],
		chap: { username: `node-${name}`, password: `secret-of-${name}` },
		initiator: iqn(`host-${name}`),
		addresses: ['127.0.0.1'],
	});
	return { targets, folder, run, portals, file, spec };
}

/** What health checks are told; nothing when all is well. */
function wellOf(targets: Targets): string {
	try {
		targets.check();
		return '';
	} catch (fault) {
		return (fault as Error).message;
	}
}

const asNode = ({ initiator, chap }: TargetSpec) => ({ initiator, ...chap });
const urlOf = (portal: string | undefined, { iqn: name }: Pick<TargetSpec, 'iqn'>, unit = 1): string =>
	`iscsi://${portal}/${name}/${unit}`;

/** An initiator that stays logged in and does what it is told; its secret is in a file. */
async function startIo(
	t: ExecutionContext,
	of: Pick<TargetSpec, 'iqn' | 'chap' | 'initiator'> & { portal: string; folder: string; unit: number },
) {
	const secret = path.join(of.folder, `secret-${of.unit}`);
	await writeFile(secret, of.chap.password);
	const options = [
		...['driver=iscsi', 'transport=tcp', `portal=${of.portal}`, `target=${of.iqn}`, `lun=${of.unit}`],
		...[`user=${of.chap.username}`, 'password-secret=s', `initiator-name=${of.initiator}`],
	];
	const args = ['--object', `secret,id=s,file=${secret}`, '--image-opts', options.join(',')];
	const child = spawn('qemu-io', args, { stdio: 'pipe' });
	t.teardown(() => void child.kill('SIGKILL'));
	let said = '';
	for (const stream of [child.stdout, child.stderr]) {
		stream.on('data', piece => {
			said += piece;
		});
	}
	child.stdin.on('error', () => undefined);
	const over = new Promise<void>(resolve => child.once('close', () => resolve()));
	// One line at a time: it does not look at what it has read beyond the first.
	const tell = (line: string): void => void child.stdin.write(`${line}\n`);
	return { tell, end: () => void child.stdin.end(), said: async () => said, over };
}

test('a node gets its own disk with its secret, under its name, from its address; nobody else does', async t => {
	const { targets, portals, spec } = await start(t);
	const [one, other] = [await spec('one', 10), await spec('other', 20)];
	await targets.serve(one);
	await targets.serve(other);
	const [portal] = portals;
	const capacity = (of: TargetSpec, as: Parameters<typeof iscsi>[2]) =>
		iscsi('iscsi-readcapacity16', urlOf(portal, of), as);
	t.regex((await capacity(one, asNode(one))).text, /Total size:10485760/);
	t.regex((await capacity(other, asNode(other))).text, /Total size:20971520/);
	const refused: [string, TargetSpec, Parameters<typeof iscsi>[2]][] = [
		['no secret', one, { initiator: one.initiator }],
		['wrong secret', one, { ...asNode(one), password: 'secret-of-onf' }],
		["another node's secret", one, { ...asNode(other), initiator: one.initiator }],
		['another node altogether', one, asNode(other)],
	];
	for (const [what, of, as] of refused) {
		const { code, text } = await capacity(of, as);
		t.is(code, 1, what);
		t.notRegex(text, /Total size/, what);
	}
	await targets.serve({ ...one, addresses: ['192.0.2.1'] });
	t.is((await capacity(one, asNode(one))).code, 1, 'from another address');
	await targets.serve({ ...one, addresses: [] });
	t.is((await capacity(one, asNode(one))).code, 0);
	t.is((await capacity(one, { ...asNode(one), initiator: other.initiator })).code, 1, 'under another name');
	const listed = await iscsi('iscsi-ls', `iscsi://${portal}`, asNode(other));
	t.notRegex(listed.text, /:one/, 'discovery hides it');
});

test('a target that proves itself is told from one that cannot', async t => {
	const { targets, portals, spec } = await start(t);
	const mutual = { username: 'the-site', password: 'secret-of-site' };
	const one = { ...(await spec('one')), mutual };
	await targets.serve(one);
	const inquire = (target: { username: string; password: string }) =>
		iscsi('iscsi-inq', urlOf(portals[0], one), { ...asNode(one), target });
	t.is((await inquire(mutual)).code, 0);
	t.is((await inquire({ ...mutual, password: 'secret-of-else' })).code, 1);
});

test('what is served read-only cannot be written; several disks are several units; every portal has them', async t => {
	const { targets, folder, portals, spec, file } = await start(t, 2);
	const base = await spec('one', 10, true);
	const serial = randomUUID();
	const second = {
		serial,
		backing: { type: 'rdwr', path: await file('second', 30) } as const,
		isReadOnly: false,
	};
	const one = { ...base, units: [...base.units, second] };
	await targets.serve(one);
	for (const portal of portals) {
		const first = await iscsi('iscsi-readcapacity16', urlOf(portal, one, 1), asNode(one));
		t.regex(first.text, /Total size:10485760/);
		const other = await iscsi('iscsi-readcapacity16', urlOf(portal, one, 2), asNode(one));
		t.regex(other.text, /Total size:31457280/);
		const page = async (code: string): Promise<string> => {
			const url = urlOf(portal, one, 2);
			return (await iscsi('iscsi-inq', url, asNode(one), ['-e', '1', '-c', code])).text;
		};
		t.true((await page('128')).includes(serial), 'the same disk at each portal');
		t.true((await page('131')).includes(serial.replaceAll('-', '').slice(1)));
	}
	const write = async (unit: number): Promise<string> => {
		const io = await startIo(t, { ...one, portal: portals[0] ?? '', folder, unit });
		io.tell('write -P 1 0 512');
		io.end();
		await io.over;
		return io.said();
	};
	t.regex(await write(1), /read-only|write protected|not permitted/i);
	t.regex(await write(2), /wrote 512\/512/);
});

test('a target is changed under its sessions, and taken away with them', async t => {
	const { targets, folder, portals, spec, file } = await start(t);
	const one = await spec('one', 10);
	await targets.serve(one);
	await targets.serve(one);
	t.deepEqual(await targets.sessions(one.iqn), []);
	const io = await startIo(t, { ...one, portal: portals[0] ?? '', folder, unit: 1 });
	io.tell('write -P 7 0 512');
	await until(
		() => io.said(),
		said => said.includes('wrote 512/512'),
	);
	t.deepEqual(await targets.sessions(one.iqn), [{ initiator: one.initiator, addresses: ['127.0.0.1'] }]);
	const other = { type: 'rdwr', path: await file('other', 10) } as const;
	await writeFile(other.path, Buffer.alloc(512, 9), { flag: 'r+' });
	await targets.serve({ ...one, units: [{ backing: other, isReadOnly: false }] });
	io.tell('read -P 9 0 512');
	await until(
		() => io.said(),
		said => said.includes('read 512/512'),
	);
	t.notRegex(await io.said(), /failed/, 'the same session reads what is served now');
	t.is((await targets.sessions(one.iqn)).length, 1);
	await targets.drop(one.iqn);
	await targets.drop(one.iqn);
	t.deepEqual(await targets.sessions(one.iqn), []);
	t.is((await iscsi('iscsi-inq', urlOf(portals[0], one), asNode(one))).code, 1);
});

test('a tgtd that is killed comes back with every target; secrets stand in no process list', async t => {
	const { targets, portals, spec, run } = await start(t);
	const [one, other] = [await spec('one', 10), await spec('other', 20)];
	await targets.serve(one);
	await targets.serve(other);
	await targets.drop(other.iqn);
	const [daemon] = await findChildren(run);
	t.notRegex(`${daemon?.command}${await readFile(`/proc/${daemon?.pid}/environ`, 'utf8')}`, /secret/);
	t.notThrows(() => targets.check());
	process.kill(daemon?.pid ?? 0, 'SIGKILL');
	await until(
		async () => wellOf(targets),
		said => said.startsWith('tgtd has ended (SIGKILL)'),
	);
	const answer = await until(
		() => iscsi('iscsi-readcapacity16', urlOf(portals[0], one), asNode(one)),
		({ code }) => code === 0,
	);
	t.regex(answer.text, /Total size:10485760/);
	t.is((await iscsi('iscsi-inq', urlOf(portals[0], other), asNode(other))).code, 1);
	t.is((await iscsi('iscsi-inq', urlOf(portals[0], one), { initiator: one.initiator })).code, 1);
});

test('whoever comes while tgtd is started again is not told that there is no such target', async t => {
	const { targets, portals, spec, run } = await start(t);
	for (let index = 0; index < 40; index++) await targets.serve(await spec(`before${index}`));
	const last = await spec('last');
	await targets.serve(last);
	const inquire = () => iscsi('iscsi-inq', urlOf(portals[0], last), asNode(last));
	const absent = await iscsi(
		'iscsi-inq',
		`${urlOf(portals[0], last)}`.replace(':last', ':none'),
		asNode(last),
	);
	t.regex(absent.text, /not found/i, 'what it would say');
	const [daemon] = await findChildren(run);
	process.kill(daemon?.pid ?? 0, 'SIGKILL');
	const said: string[] = [];
	await until(
		async () => {
			const { code, text } = await inquire();
			said.push(text);
			return code;
		},
		code => code === 0,
	);
	t.deepEqual(
		said.filter(text => /not found/i.test(text)),
		[],
	);
});

test('what is to be served anew while tgtd is away is served so by the next one, and what it lacks is said', async t => {
	const { targets, portals, spec, file, folder, run } = await start(t);
	const [one, gone] = [await spec('one', 10), await spec('gone', 10)];
	await targets.serve(one);
	await targets.serve(gone);
	await rm(path.join(folder, 'gone'));
	const [daemon] = await findChildren(run);
	process.kill(daemon?.pid ?? 0, 'SIGKILL');
	const larger = { type: 'rdwr', path: await file('larger', 20) } as const;
	await until(
		async () => wellOf(targets),
		said => said.includes('has ended'),
	);
	await targets.serve({ ...one, units: [{ backing: larger, isReadOnly: false }] });
	await t.throwsAsync(targets.serve(await spec('late')), { code: 'StorageFault' });
	const said = await until(
		async () => wellOf(targets),
		text => text.includes('was started again, but'),
	);
	t.true(said.includes(gone.iqn));
	t.false(said.includes(one.iqn));
	const { text } = await iscsi('iscsi-readcapacity16', urlOf(portals[0], one), asNode(one));
	t.regex(text, /Total size:20971520/);
	await file('gone', 30);
	await until(
		async () => wellOf(targets),
		all => all === '',
	);
	const back = await iscsi('iscsi-readcapacity16', urlOf(portals[0], gone), asNode(gone));
	t.regex(back.text, /Total size:31457280/);
});

test('a portal that is taken, and a file that is not there, are said to be that', async t => {
	const { targets, folder, portals, spec, run } = await start(t);
	const one = await spec('one');
	const lost = { type: 'rdwr', path: path.join(folder, 'lost') } as const;
	await t.throwsAsync(targets.serve({ ...one, units: [{ backing: lost, isReadOnly: false }] }), {
		code: 'StorageFault',
	});
	t.is(
		(await iscsi('iscsi-inq', urlOf(portals[0], one), asNode(one))).code,
		1,
		'nothing half-made is served',
	);
	await targets.serve(one);
	t.is((await iscsi('iscsi-inq', urlOf(portals[0], one), asNode(one))).code, 0);
	const shared = { clock: systemClock, logger: silentLogger, portals, run };
	const other = await startTgtTargets({ ...shared, folder: path.join(folder, 'other') });
	await t.throwsAsync(other.admit(), { code: 'StorageFault', message: /cannot listen on/ });
	await other.close();
});

test('nobody is let in before all is served, and after an outage of what is served not before its end', async t => {
	const { targets, folder, portals, spec, file } = await start(t);
	const one = await spec('one');
	const portal = `127.0.0.1:${await freePort()}`;
	const options = { clock: systemClock, logger: silentLogger, portals: [portal] };
	const later = await startTgtTargets({
		...options,
		run: 'target-later',
		folder: path.join(folder, 'later'),
	});
	t.teardown(() => later.close());
	await later.serve(one);
	const inquire = (at: string | undefined) => iscsi('iscsi-inq', urlOf(at, one), asNode(one));
	const early = await inquire(portal);
	t.is(early.code, 1);
	t.notRegex(early.text, /not found/i, 'nobody answers');
	await later.admit();
	t.is((await inquire(portal)).code, 0);

	await targets.serve(one);
	t.is((await inquire(portals[0])).code, 0);
	targets.halt();
	await until(
		async () => wellOf(targets),
		said => said !== '',
	);
	t.is((await inquire(portals[0])).code, 1);
	// What is served may be another file by now.
	const other = { type: 'rdwr', path: await file('other', 20) } as const;
	await targets.serve({ ...one, units: [{ backing: other, isReadOnly: false }] });
	t.is((await inquire(portals[0])).code, 1, 'it is not started again yet');
	targets.resume();
	await until(
		async () => wellOf(targets),
		said => said === '',
	);
	const size = await iscsi('iscsi-readcapacity16', urlOf(portals[0], one), asNode(one));
	t.regex(size.text, /Total size:20971520/);
});
