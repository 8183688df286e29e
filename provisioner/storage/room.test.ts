import test from 'ava';
import { createRoom } from './room.ts';

/** A golden image of 60 bytes, and a snapshot of 30 bytes beside that. */
const volumes = { golden: { own: 60, parent: null }, snapshot: { own: 30, parent: 'golden' } };
const usageOf = async (id: string) => volumes[id as keyof typeof volumes];

test('a copy needs as many bytes as are in all of its layers, and no more than a machine sees', async t => {
	let free = 89;
	const room = createRoom(async () => free);
	const ask = (id: string, size: number) => room.reserve({ id, size, usageOf });
	await t.throwsAsync(ask('snapshot', 1000), { code: 'StorageFull', message: /a copy of 90 bytes/ });
	(await ask('snapshot', 89))();
	free = 90;
	(await ask('snapshot', 1000))();
});

test('what was promised to one copy is no room for another one, until that is made', async t => {
	const room = createRoom(async () => 100);
	const ask = () => room.reserve({ id: 'golden', size: 1000, usageOf });
	const asked = await Promise.allSettled([ask(), ask()]);
	t.deepEqual(asked.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
	for (const each of asked) if (each.status === 'fulfilled') each.value();
	await t.notThrowsAsync(ask());
});
