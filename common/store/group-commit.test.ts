import test from 'ava';
import { BimetalError } from '../errors/bimetal-error.ts';
import { storeFailed } from './errors.ts';
import { createGroupCommit, type GroupEngine } from './group-commit.ts';

/** An engine that notes what it is asked for; `disk` stands for the commits. */
function noted(disk: (commit: number) => Promise<void> = async () => {}) {
	const log: string[] = [];
	let commits = 0;
	const engine: GroupEngine<(what: string) => void> = {
		begin: () => void log.push('begin'),
		attempt: work => work(what => log.push(what)),
		async commit() {
			log.push('commit');
			await disk(++commits);
		},
		isFatal: error => error instanceof BimetalError && error.message.includes('again'),
	};
	return { log, group: createGroupCommit(engine) };
}

test('what comes while a group is being written goes into the next one, all of it', async t => {
	let written = () => {};
	const { log, group } = noted(commit =>
		commit === 1 ? new Promise<void>(resolve => (written = resolve)) : Promise.resolve(),
	);
	const first = [1, 2].map(n => group.transact(async note => note(`a${n}`)));
	while (!log.includes('commit')) await new Promise(resolve => setImmediate(resolve));
	const second = [1, 2, 3].map(n => group.transact(async note => note(`b${n}`)));
	const read = group.betweenGroups(async () => log.push('read'));
	written();
	await Promise.all([...first, ...second, read]);
	t.deepEqual(log, ['begin', 'a1', 'a2', 'commit', 'read', 'begin', 'b1', 'b2', 'b3', 'commit']);
});

test('a group whose commit fails is rejected as a whole; the next one is tried again', async t => {
	const { group } = noted(async commit => {
		if (commit === 1) throw storeFailed('file', false, new Error('disk full'));
	});
	const outcomes = await Promise.allSettled([
		group.transact(async () => 1),
		group.transact(async () => {
			throw new RangeError('its own');
		}),
		group.transact(async () => 3),
	]);
	t.deepEqual(
		outcomes.map(outcome => outcome.status === 'rejected' && outcome.reason.message),
		['file: disk full', 'its own', 'file: disk full'],
	);
	t.is(await group.transact(async () => 4), 4);
});

test('nobody is answered before the commit, not even who threw', async t => {
	const { log, group } = noted(async () => {
		await new Promise(resolve => setImmediate(resolve));
		log.push('on disk');
	});
	await Promise.allSettled([
		group.transact(async () => {}).then(() => log.push('answered')),
		group.transact(async () => Promise.reject(new Error('no'))).catch(() => log.push('refused')),
	]);
	t.deepEqual(log, ['begin', 'commit', 'on disk', 'answered', 'refused']);
});

test('after an uncertain write nothing more is tried', async t => {
	const { log, group } = noted(async () => {
		throw storeFailed('file', true, new Error('input/output error'));
	});
	const uncertain = {
		code: 'StoreFailed',
		message: 'file: input/output error; the store must be opened again',
	};
	await t.throwsAsync(
		group.transact(async () => {}),
		uncertain,
	);
	await t.throwsAsync(
		group.transact(async () => {}),
		uncertain,
	);
	t.throws(() => group.assertOpen(), uncertain);
	t.deepEqual(log, ['begin', 'commit']);
	await group.drain();
});
