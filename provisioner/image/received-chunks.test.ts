import { Readable } from 'node:stream';
import test from 'ava';
import { receivedChunks } from './received-chunks.ts';

async function all(stream: Readable): Promise<string> {
	const chunks: Uint8Array[] = [];
	try {
		for await (const chunk of receivedChunks(stream)) chunks.push(chunk);
	} catch (fault) {
		return `${Buffer.concat(chunks)} and then ${(fault as Error).message}`;
	}
	return String(Buffer.concat(chunks));
}

test('what came before a break is given, then the break', async t => {
	const whole = Readable.from([Buffer.from('one '), Buffer.from('two')]);
	t.is(await all(whole), 'one two');
	const broken = new Readable({ read: () => undefined });
	broken.push('some');
	setImmediate(() => broken.destroy(new Error('cut')));
	t.is(await all(broken), 'some and then cut');
});

test('a stream that broke, was closed or ended before anybody read is told of all the same', async t => {
	const broken = new Readable({ read: () => undefined });
	broken.on('error', () => undefined).destroy(new Error('cut'));
	const closed = new Readable({ read: () => undefined });
	closed.destroy();
	const ended = Readable.from([]);
	ended.resume();
	await new Promise(resolve => setImmediate(resolve));
	await new Promise(resolve => setImmediate(resolve));
	t.is(await all(broken), ' and then cut');
	t.is(await all(closed), ' and then it was closed before it was read');
	t.is(await all(ended), '');
});
