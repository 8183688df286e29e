// What no record knows is removed, on demand and on a schedule; never what is recorded, or is made just now.
import test from 'ava';
import { FakeClock } from '../../common/clock.ts';
import { type LogFields, type Logger, silentLogger } from '../../common/log/logger.ts';
import { provisionerErrors } from '../errors.ts';
import { startProvisioner } from '../provisioner.fixture.ts';
import { createMemoryStorage } from '../storage/memory-storage.fixture.ts';
import { collect, collectRegularly } from './collect.ts';

const hour = 3_600_000;
const lost = (text: string, parent: string | null = null) => ({
	bytes: Buffer.from(text),
	parent,
	isAttached: false,
});

async function start(t: Parameters<typeof startProvisioner>[0]) {
	const storage = createMemoryStorage();
	const { store, image } = await startProvisioner(t, { storage });
	const known = await image('red', 'debian');
	const lines: { readonly level: string; readonly volume: unknown }[] = [];
	const said = (level: string) => (about: LogFields | string) =>
		void lines.push({ level, volume: typeof about === 'string' ? undefined : about.volume });
	const logger: Logger = { ...silentLogger, info: said('info'), warn: said('warn') };
	return { deps: { store, storage, logger }, storage, known, lines };
}

test('of strays that are made of each other, the parent goes last; what is in use stays', async t => {
	const { deps, storage, known, lines } = await start(t);
	storage.volumes.set('a-parent', lost('12345'));
	storage.volumes.set('b-child', lost('123', 'a-parent'));
	storage.volumes.set('c-open', { ...lost('1'), isAttached: true });
	const { removed, bytes, kept } = await collect(deps);
	t.deepEqual([removed, bytes, kept], [['b-child', 'a-parent'], 5, ['c-open']]);
	t.deepEqual([...storage.volumes.keys()].sort(), [known, 'c-open'].sort());
	t.deepEqual(
		lines.filter(({ level }) => level === 'info').map(({ volume }) => volume),
		['b-child', 'a-parent'],
	);
});

test('on a schedule a stray is told of one time and removed the next', async t => {
	const { deps, storage, known, lines } = await start(t);
	const clock = new FakeClock();
	storage.volumes.set('lost', lost('12345'));
	const collecting = collectRegularly({ ...deps, every: hour, clock });
	t.teardown(() => collecting.close());
	await collecting.idle();
	const pass = (): Promise<void> => {
		clock.advance(hour);
		return collecting.idle();
	};
	t.deepEqual(lines, [{ level: 'warn', volume: 'lost' }]);
	t.true(storage.volumes.has('lost'));
	storage.volumes.set('later', lost('1'));
	await pass();
	t.deepEqual([...storage.volumes.keys()].sort(), [known, 'later'].sort());
	t.deepEqual(lines.slice(1), [
		{ level: 'info', volume: 'lost' },
		{ level: 'warn', volume: 'later' },
	]);
	storage.faults.push(provisionerErrors.StorageFault('the daemon is away'));
	await pass();
	await pass();
	t.deepEqual([...storage.volumes.keys()], [known], 'a fault is no end of it');
	await collecting.close();
	storage.volumes.set('lost', lost('12345'));
	await pass();
	await pass();
	t.true(storage.volumes.has('lost'));
});
