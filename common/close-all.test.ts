import test from 'ava';
import { closeAll } from './close-all.ts';

test('the last that was opened ends first, also where one cannot be ended; its fault comes when all are over, once', async t => {
	const ended: string[] = [];
	const fault = new Error('its folder is gone');
	const opened = [
		() => void ended.push('store'),
		async () => {
			await Promise.resolve();
			ended.push('rack');
			throw fault;
		},
		() => {
			ended.push('listener');
			throw new Error('a later one');
		},
	];
	const thrown = await t.throwsAsync(closeAll(opened), { message: 'a later one' });
	t.not(thrown, fault, 'the first that happened');
	t.deepEqual(ended, ['listener', 'rack', 'store']);
	await closeAll(opened);
	t.is(ended.length, 3);
});
