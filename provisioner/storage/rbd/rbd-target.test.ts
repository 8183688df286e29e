// What a node sees of a disk that is in Ceph: a real Ceph, tgtd, and QEMU's initiator.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { systemClock } from '../../../common/clock.ts';
import { silentLogger } from '../../../common/log/logger.ts';
import { findChildren } from '../../../common/processes/children.ts';
import { testNeeding } from '../../../test/debian/test-needing.ts';
import { until } from '../../../test/visitor.ts';
import type { TargetSpec, Targets } from '../../target/targets.ts';
import { startTgtTargets } from '../../target/tgt-targets.ts';
import type { Backing } from '../storage.ts';
import { cephParts, type RbdBench, rbdBenches } from './rbd.fixture.ts';

const test = testNeeding(...cephParts, 'tgt');
const setUp = rbdBenches();
const { signal } = new AbortController();
const MiB = 2 ** 20;

interface Node {
	readonly at: RbdBench;
	readonly targets: Targets;
	readonly disk: string;
	/** As the provisioner serves it. */
	serve(isReadOnly: boolean): Promise<void>;
	/** A session that lasts. */
	startIo(): Promise<Io>;
}

interface Io {
	/** One command of qemu-io(1); what it says. */
	tell(line: string): Promise<string>;
	/** The same, without waiting. */
	send(line: string): void;
	end(): void;
}

async function startNode(t: ExecutionContext): Promise<Node> {
	const at = await setUp(t);
	const [image, disk] = [randomUUID(), randomUUID()];
	const file = path.join(at.folder, 'image.raw');
	await writeFile(file, Buffer.alloc(8 * MiB, 7));
	await at.storage.create(image, { from: 'file', file, format: 'raw' }, { signal });
	await at.storage.create(disk, { from: 'image', image }, { signal });
	const portal = `127.0.0.1:${await freePort()}`;
	const shared = { run: at.run, clock: systemClock, logger: silentLogger };
	const targets = await startTgtTargets({
		...shared,
		folder: path.join(at.folder, 'tgt'),
		portals: [portal],
	});
	t.teardown(() => targets.close());
	await targets.admit();
	const spec = (backing: Backing, isReadOnly: boolean): TargetSpec => ({
		iqn: 'iqn.2026-11.test.bimetal:disk',
		units: [{ backing, isReadOnly }],
		chap: { username: 'node', password: 'secret-of-node' },
		initiator: 'iqn.2026-11.test.bimetal:node',
		addresses: ['127.0.0.1'],
	});
	at.storage.onReattached((_, backing) => targets.serve(spec(backing, false)));
	at.storage.onOutage?.({ began: () => targets.halt(), ended: () => targets.resume() });
	return {
		...{ at, targets, disk },
		serve: async isReadOnly => targets.serve(spec(await at.storage.attach(disk, { isReadOnly }), isReadOnly)),
		async startIo() {
			const secret = path.join(at.folder, 'secret');
			await writeFile(secret, 'secret-of-node', { mode: 0o600 });
			const { iqn, initiator } = spec({ type: 'rdwr', path: '' }, false);
			const image = [
				...['driver=iscsi', 'transport=tcp', `portal=${portal}`, `target=${iqn}`, 'lun=1'],
				...['user=node', 'password-secret=s', `initiator-name=${initiator}`],
			].join(',');
			const args = ['--object', `secret,id=s,file=${secret}`, '--image-opts', image];
			return talkTo(t, spawn('qemu-io', args, { stdio: 'pipe' }));
		},
	};
}

function talkTo(t: ExecutionContext, child: ChildProcess): Io {
	t.teardown(() => void child.kill('SIGKILL'));
	let said = '';
	let hasEnded = false;
	for (const stream of [child.stdout, child.stderr]) {
		stream?.on('data', piece => {
			said += piece;
		});
	}
	child.once('close', () => {
		hasEnded = true;
	});
	child.stdin?.on('error', () => undefined);
	// One line at a time: it does not look at what it has read beyond the first.
	const send = (line: string): void => void child.stdin?.write(`${line}\n`);
	return {
		send,
		async tell(line) {
			const before = said.length;
			send(line);
			const answer = async () => said.slice(before);
			// What it did is told in two lines, of which the second has the speed.
			return until(answer, text => hasEnded || /ops\/sec|failed|rror|Can't/.test(text), 120);
		},
		end: () => void child.stdin?.end(),
	};
}

async function freePort(): Promise<number> {
	const server = createServer();
	await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
	const { port } = server.address() as { port: number };
	await new Promise(resolve => server.close(resolve));
	return port;
}

test("a node's session goes on when its disk's daemon is killed, and when Ceph's OSD is, with all that it wrote", async t => {
	const { at, disk, serve, startIo, targets } = await startNode(t);
	await serve(false);
	const io = await startIo();
	t.regex(await io.tell('read -P 7 0 64k'), /read 65536\/65536/);
	t.regex(await io.tell('write -P 1 0 64k'), /wrote 65536\/65536/);
	const daemon = (await findChildren(at.run)).find(({ command }) => command.includes('driver=rbd'));
	process.kill(daemon?.pid ?? 0, 'SIGKILL');
	t.regex(await io.tell('write -P 2 1M 64k'), /wrote 65536\/65536/);
	await at.ceph.osd.kill();
	await at.ceph.osd.start();
	t.regex(await io.tell('write -P 3 2M 64k'), /wrote 65536\/65536/);
	for (const [pattern, where] of [
		[1, '0'],
		[2, '1M'],
		[3, '2M'],
		[7, '3M'],
	]) {
		const answer = await io.tell(`read -P ${pattern} ${where} 64k`);
		t.regex(answer, /read 65536\/65536/);
		t.notRegex(answer, /failed/);
	}
	io.end();
	await targets.drop('iqn.2026-11.test.bimetal:disk');
	await at.storage.detach(disk);
	await serve(true);
	const reader = await startIo();
	t.regex(await reader.tell('write -P 9 0 512'), /read-only|write protected|not permitted/i);
});

test('all of it ends while Ceph does not answer, in the order in which the provisioner closes', async t => {
	const { at, serve, startIo, targets } = await startNode(t);
	await serve(false);
	const io = await startIo();
	t.regex(await io.tell('write -P 1 0 512'), /wrote 512\/512/);
	at.ceph.osd.stall();
	t.teardown(() => at.ceph.osd.goOn());
	io.send('write -P 2 0 512');
	await until(
		async () => targets.sessions('iqn.2026-11.test.bimetal:disk'),
		sessions => sessions.length === 1,
	);
	await targets.close();
	await at.storage.close();
	await until(
		() => findChildren(at.run),
		living => living.length === 0,
	);
	at.ceph.osd.goOn();
	const next = await at.reopen();
	const volumes = (await next.storage.usage()).volumes;
	t.is(volumes.size, 2);
});
