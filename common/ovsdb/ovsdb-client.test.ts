import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { FakeClock } from '../clock.ts';
import { createJsonStream } from './json-stream.ts';
import { speakOvsdb } from './ovsdb-client.ts';
import { openRemote } from './remote.ts';

type Question = { id: unknown; method: string; params: unknown[] };

/** A database that answers as the test says; null: not at all. */
async function database(t: ExecutionContext, answers: (question: Question) => object | null) {
	const folder = await mkdtemp(join(tmpdir(), 'bimetal-ovsdb-'));
	const sockets: Socket[] = [];
	const asked: unknown[] = [];
	const server = createServer(socket => {
		sockets.push(socket);
		socket.on('error', () => undefined);
		socket.on(
			'data',
			createJsonStream(value => {
				asked.push(value);
				const question = value as Question;
				const isMonitor = question.method === 'monitor';
				const answer = isMonitor ? { id: question.id, result: {}, error: null } : answers(question);
				if (answer) socket.write(JSON.stringify(answer));
			}),
		);
	}).listen(join(folder, 'db.sock'));
	await once(server, 'listening');
	t.teardown(async () => {
		for (const socket of sockets) socket.destroy();
		server.close();
		await rm(folder, { recursive: true });
	});
	const clock = new FakeClock();
	const ovsdb = await speakOvsdb(await openRemote({ kind: 'unix', path: join(folder, 'db.sock') }), clock);
	return {
		ovsdb,
		clock,
		asked,
		say: (value: object) => sockets[0]?.write(JSON.stringify(value)),
		cut: () => sockets[0]?.destroy(),
	};
}

const select = { op: 'select', table: 'Port', where: [] } as const;

test('a transaction of which one operation failed is an error with the words of the database', async t => {
	const { ovsdb } = await database(t, ({ id }) => ({
		id,
		result: [{ count: 1 }, { error: 'constraint violation', details: 'tag 4096 is over 4095' }, null],
		error: null,
	}));
	await t.throwsAsync(ovsdb.transact([select, select]), {
		code: 'SwitchRefused',
		message: /tag 4096 is over 4095 \(constraint violation\)/,
	});
});

test('fewer results than operations is an error, and so is an error of the call itself', async t => {
	const { ovsdb } = await database(t, ({ id }) => ({ id, result: [], error: null }));
	await t.throwsAsync(ovsdb.transact([select]), { code: 'SwitchRefused' });
	const other = await database(t, ({ id }) => ({ id, result: null, error: 'unknown database' }));
	await t.throwsAsync(other.ovsdb.transact([select]), { code: 'SwitchRefused', message: /unknown database/ });
});

test('silence ends after ten seconds', async t => {
	const { ovsdb, clock } = await database(t, () => null);
	const asked = ovsdb.transact([select]);
	const waited = ovsdb.takenOver(3);
	clock.advance(10_000);
	await t.throwsAsync(asked, { code: 'SwitchSilent' });
	await t.throwsAsync(waited, { code: 'SwitchSilent' });
});

test('a configuration counts as taken over when it or a later one is told', async t => {
	const { ovsdb, say } = await database(t, () => null);
	const update = (cur_cfg: number) =>
		say({ id: null, method: 'update', params: [null, { Open_vSwitch: { row: { new: { cur_cfg } } } }] });
	const waited = ovsdb.takenOver(3);
	update(2);
	update(5);
	await t.notThrowsAsync(waited);
	await t.notThrowsAsync(ovsdb.takenOver(5));
});

test('who is asked for an echo answers it', async t => {
	const { asked, say, ovsdb } = await database(t, ({ id }) => ({ id, result: [{}], error: null }));
	say({ id: 'probe', method: 'echo', params: ['x'] });
	while (!JSON.stringify(asked).includes('probe')) await ovsdb.transact([select]);
	t.deepEqual(
		asked.filter(one => (one as Question).id === 'probe'),
		[{ id: 'probe', result: ['x'], error: null }],
	);
});

test('a database that is gone, or talks nonsense, fails what waits and what comes', async t => {
	for (const end of ['cut', 'nonsense'] as const) {
		const { ovsdb, cut, say } = await database(t, () => null);
		const [asked, waited] = [ovsdb.transact([select]), ovsdb.takenOver(1)];
		if (end === 'cut') cut();
		else say({ neither: 'question nor answer' });
		await t.throwsAsync(asked, { code: 'SwitchGone' });
		await t.throwsAsync(waited, { code: 'SwitchGone' });
		await t.throwsAsync(ovsdb.transact([select]), { code: 'SwitchGone' });
	}
});
