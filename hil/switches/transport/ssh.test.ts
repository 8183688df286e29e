import test, { type ExecutionContext } from 'ava';
import type { ServerChannel } from 'ssh2';
import { parseKnownHosts } from './known-hosts.ts';
import { connectSsh, type SshTarget } from './ssh.ts';
import type { SshChannel } from './ssh-channel.ts';
import {
	generateSshKey,
	type SshServer,
	type SshServerOptions,
	startSshServer,
} from './ssh-server.fixture.ts';

const account = { username: 'hil', password: 'kept to ourselves' };
const { signal } = new AbortController();

async function serve(t: ExecutionContext, options: Partial<SshServerOptions> = {}): Promise<SshServer> {
	const server = await startSshServer({ ...account, onShell: echo, ...options });
	t.teardown(() => server.close());
	return server;
}

const targetOf = ({ port, knownHosts }: SshServer): SshTarget => ({
	host: '127.0.0.1',
	port,
	...account,
	knownHosts,
});

function echo(channel: ServerChannel): void {
	channel.on('data', (bytes: Buffer) => channel.write(bytes));
	channel.on('end', () => channel.end());
}

async function readUntil(channel: SshChannel, end: string): Promise<string> {
	let text = '';
	while (!text.endsWith(end)) text += (await channel.read(signal)).toString();
	return text;
}

const isAway = { code: 'SwitchAway' };

for (const logIn of ['password', 'keyboard-interactive', 'within'] as const) {
	test(`logs in (${logIn}), and what is written comes back`, async t => {
		const server = await serve(t, { logIn, banner: 'Authorised use only\r\n' });
		const connection = await connectSsh(targetOf(server), signal);
		const shell = await connection.shell(signal);
		await shell.write('show version\r', signal);
		t.is(await readUntil(shell, '\r'), 'show version\r');
		t.true(connection.isOpen);
		await connection.close();
		t.false(connection.isOpen);
		t.is(server.logIns.refused, 0, 'nothing was tried in vain');
		await t.throwsAsync(shell.read(signal), isAway);
		await t.throwsAsync(connection.shell(signal), isAway);
	});
}

test('logs in by a private key', async t => {
	const key = generateSshKey();
	const server = await serve(t, { publicKey: key.public });
	const { password: _, ...rest } = targetOf(server);
	const connection = await connectSsh({ ...rest, privateKey: key.private }, signal);
	await connection.shell(signal);
	await connection.close();
	const other = generateSshKey();
	const fault = await t.throwsAsync(connectSsh({ ...rest, privateKey: other.private }, signal), isAway);
	t.regex(fault?.message ?? '', /does not let hil in/);
});

test('speaks with a switch that has old algorithms only when it is said to be old', async t => {
	const server = await serve(t, { hostKey: 'rsa', isOld: true });
	await t.throwsAsync(connectSsh(targetOf(server), signal), isAway);
	const connection = await connectSsh({ ...targetOf(server), isOld: true }, signal);
	const shell = await connection.shell(signal);
	await shell.write('x', signal);
	t.is(await readUntil(shell, 'x'), 'x');
	await connection.close();
});

test('an unknown host key is not spoken to: the log-in is not even begun, and the error says how to accept it', async t => {
	const server = await serve(t);
	const none = await t.throwsAsync(
		connectSsh({ ...targetOf(server), knownHosts: parseKnownHosts('') }, signal),
		isAway,
	);
	t.true(none?.message.includes(server.fingerprint));
	t.true(none?.message.includes(`ssh-keyscan -p ${server.port} 127.0.0.1`));
	t.regex(none?.message ?? '', /none is known/);
	const other = await serve(t);
	const wrong = await t.throwsAsync(
		connectSsh(
			{
				...targetOf(server),
				knownHosts: parseKnownHosts(other.knownHostsLine.replace(`:${other.port}`, `:${server.port}`)),
			},
			signal,
		),
		isAway,
	);
	t.true(wrong?.message.includes(other.fingerprint));
	const revoked = parseKnownHosts(
		`${server.knownHostsLine}\n@revoked * ${server.knownHostsLine.split(' ').slice(1).join(' ')}`,
	);
	await t.throwsAsync(connectSsh({ ...targetOf(server), knownHosts: revoked }, signal), isAway);
	t.deepEqual(server.logIns, { taken: 0, refused: 0 });
});

for (const logIn of ['password', 'keyboard-interactive'] as const) {
	test(`a wrong password (${logIn}) is tried once, and stands in no error`, async t => {
		const server = await serve(t, { logIn });
		const fault = await t.throwsAsync(
			connectSsh({ ...targetOf(server), password: 'guessed-secret' }, signal),
			isAway,
		);
		t.regex(fault?.message ?? '', /does not let hil in/);
		t.false(fault?.message.includes('guessed-secret'));
		t.is(server.logIns.refused, 1);
	});
}

test('subsystems have a channel of their own; one that is not there is an error, and the connection stays', async t => {
	const seen: string[] = [];
	const server = await serve(t, {
		onSubsystem(name, channel) {
			seen.push(name);
			echo(channel);
		},
	});
	const connection = await connectSsh(targetOf(server), signal);
	const netconf = await connection.subsystem('netconf', signal);
	await netconf.write(Buffer.from(']]>]]>'), signal);
	t.is(await readUntil(netconf, ']]>]]>'), ']]>]]>');
	t.deepEqual(seen, ['netconf']);
	await connection.close();

	const bare = await serve(t, {});
	const other = await connectSsh(targetOf(bare), signal);
	await t.throwsAsync(other.subsystem('netconf', signal), isAway);
	t.true(other.isOpen);
	await other.close();
});

test('what a switch said before it hung up is read; then it is away', async t => {
	const server = await serve(t, {
		onShell(channel) {
			channel.write('% Too many sessions\r\n');
			channel.end();
		},
	});
	const connection = await connectSsh(targetOf(server), signal);
	const shell = await connection.shell(signal);
	t.is(await readUntil(shell, '\n'), '% Too many sessions\r\n');
	await t.throwsAsync(shell.read(signal), isAway);
	await t.throwsAsync(shell.write('x', signal), isAway);
	await connection.close();
});

test('a connection that is cut ends what waits, and is no longer open', async t => {
	const server = await serve(t);
	const connection = await connectSsh(targetOf(server), signal);
	const shell = await connection.shell(signal);
	const waits = t.throwsAsync(shell.read(signal), isAway);
	server.cut();
	await waits;
	t.false(connection.isOpen);
	await connection.close();
});

test('who talks without end is not listened to further than his window', async t => {
	let written = 0;
	const server = await serve(t, {
		onShell(channel) {
			const page = Buffer.alloc(65_536, 'x');
			const flood = (): void => {
				do written += page.length;
				while (channel.write(page) && written < 64 * 1024 * 1024);
			};
			channel.on('drain', flood);
			flood();
		},
	});
	const connection = await connectSsh(targetOf(server), signal);
	const shell = await connection.shell(signal);
	let read = 0;
	while (read < 1024 * 1024) read += (await shell.read(signal)).length;
	t.true(written < 8 * 1024 * 1024, `${written} bytes were sent to who read ${read}`);
	await connection.close();
});

test('given up while the switch says nothing, the reason is thrown and the connection ends', async t => {
	const server = await serve(t, { onShell: () => undefined });
	const connection = await connectSsh(targetOf(server), signal);
	const shell = await connection.shell(signal);
	const late = new AbortController();
	const reading = t.throwsAsync(shell.read(late.signal), { message: 'late' });
	late.abort(new Error('late'));
	await reading;
	await connection.close();

	const gone = AbortSignal.abort(new Error('gone'));
	await t.throwsAsync(connectSsh(targetOf(server), gone), { message: 'gone' });
	const during = new AbortController();
	const connecting = t.throwsAsync(connectSsh(targetOf(server), during.signal), { message: 'gone' });
	during.abort(new Error('gone'));
	await connecting;
});

test('a switch that has died without a word does not hold up who closes', async t => {
	const server = await serve(t);
	const connection = await connectSsh(targetOf(server), signal);
	await connection.shell(signal);
	server.hang();
	await connection.close();
	t.false(connection.isOpen);
});

test('nobody at the port: away, in words', async t => {
	const server = await startSshServer(account);
	await server.close();
	const fault = await t.throwsAsync(connectSsh(targetOf(server), signal), isAway);
	t.regex(fault?.message ?? '', /cannot be reached: .*ECONNREFUSED/);
});
