// The console as a stream: who reads it, and when that ends.
import { request } from 'node:http';
import test, { type ExecutionContext } from 'ava';
import { startHil } from '../hil.fixture.ts';
import { createMemoryObm } from '../obm/memory-obm.fixture.ts';

async function start(t: ExecutionContext) {
	const open: { readonly signal: AbortSignal; print(text: string): void }[] = [];
	/** How many were begun to be opened; while `held` is set, each waits for it. */
	const opening = { count: 0, held: Promise.resolve() };
	const obm = createMemoryObm();
	const hil = await startHil(t, {
		obm: {
			...obm,
			async openConsole(_uri, signal) {
				opening.count++;
				await opening.held;
				const pieces: string[] = [];
				let wake: () => void = () => undefined;
				signal.addEventListener('abort', () => wake());
				open.push({
					signal,
					print(text) {
						pieces.push(text);
						wake();
					},
				});
				async function* output(): AsyncGenerator<Uint8Array> {
					while (!signal.aborted) {
						const piece = pieces.shift();
						if (piece !== undefined) yield Buffer.from(piece);
						else await new Promise<void>(resolve => (wake = resolve));
					}
				}
				return { kind: 'open', output: output() };
			},
		},
	});
	await hil.ok('PUT', '/v0/node/n1', { obmd: { uri: 'https://p/bmc/n1', admin_token: '' } });
	await hil.ok('PUT', '/v0/node/n1/obm', { enabled: true });
	/** What a reader has been shown, and whether the stream is over. */
	const read = (method = 'GET') => {
		const seen = { text: '', isOver: false };
		const authorization = `Basic ${Buffer.from('root:root').toString('base64')}`;
		const url = `${hil.url}/v0/node/n1/console`;
		const reading = request(url, { method, headers: { authorization }, agent: false }, response => {
			response.on('data', piece => {
				seen.text += String(piece);
			});
			response.on('close', () => {
				seen.isOver = true;
			});
		});
		reading.on('error', () => {
			seen.isOver = true;
		});
		reading.end();
		t.teardown(() => reading.destroy());
		return { seen, leave: () => reading.destroy() };
	};
	const until = async (isSo: () => boolean) => {
		while (!isSo()) await new Promise(resolve => setImmediate(resolve));
	};
	return { hil, open, opening, read, until };
}

test('a new reader ends the last; disabling the management ends all', async t => {
	const { hil, open, read, until } = await start(t);
	const first = read();
	await until(() => open.length === 1);
	open[0]?.print('one');
	await until(() => first.seen.text === 'one');
	const second = read();
	await until(() => first.seen.isOver);
	open[1]?.print('two');
	await until(() => second.seen.text === 'two');
	t.is(first.seen.text, 'one');
	await hil.ok('PUT', '/v0/node/n1/obm', { enabled: false });
	await until(() => second.seen.isOver);
	t.true(open.every(({ signal }) => signal.aborted));
	t.is((await hil.call('GET', '/v0/node/n1/console')).status, 409);
});

test('whoever leaves, or asks for the head alone, keeps no console open', async t => {
	const { open, read, until } = await start(t);
	const reader = read();
	await until(() => open.length === 1);
	open[0]?.print('x');
	await until(() => reader.seen.text === 'x');
	reader.leave();
	await until(() => open[0]?.signal.aborted === true);
	read('HEAD');
	await until(() => open[1]?.signal.aborted === true);
	t.pass();
});

test('a management that is disabled while a console is being opened shows nothing of it', async t => {
	const { hil, open, opening, read, until } = await start(t);
	let letOpen: () => void = () => undefined;
	opening.held = new Promise<void>(resolve => {
		letOpen = resolve;
	});
	const reader = read();
	await until(() => opening.count === 1);
	const disabled = await hil.call('PUT', '/v0/node/n1/obm', { enabled: false });
	t.like(
		disabled,
		{ status: 409, body: { type: 'BlockedError' } },
		'it is disabled, and something is still under way',
	);
	letOpen();
	await until(() => reader.seen.isOver);
	t.is(reader.seen.text, '');
	t.true(open.every(({ signal }) => signal.aborted));
	t.is((await hil.call('PUT', '/v0/node/n1/obm', { enabled: false })).status, 200);
});
