// dropbear of Debian, unmodified, as the switch: an SSH server that we did not write, and which many switches run. OpenSSH's
// own ssh-keyscan says what stands in the file of known hosts.
import { execFileSync, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import ssh2 from 'ssh2';
import { parseKnownHosts } from '../../hil/switches/transport/known-hosts.ts';
import { connectSsh, type SshTarget } from '../../hil/switches/transport/ssh.ts';
import type { SshChannel } from '../../hil/switches/transport/ssh-channel.ts';
import { testNeeding } from '../debian/test-needing.ts';
import { runProgram } from '../run-program.ts';

const testDropbear = testNeeding('dropbear-bin', 'openssh-client');
const { signal } = new AbortController();
const password = 'only for this test';

/** A home and passwords of its own, seen by dropbear alone. */
const within = `
	mount --bind "$1/home" /root
	mount --bind "$1/shadow" /etc/shadow
	exec dropbear -i -m -r "$1/key"
`;

interface Dropbear {
	readonly port: number;
	readonly fingerprint: string;
	/** What ssh-keyscan prints of it. */
	readonly knownHosts: string;
	/** A private key that it lets in. */
	readonly privateKey: string;
}

async function startDropbear(t: ExecutionContext, keyType: 'ed25519' | 'rsa' | 'ecdsa'): Promise<Dropbear> {
	t.is(process.getuid?.(), 0, 'mounts of its own, and log-ins, need root');
	const folder = await mkdtemp(join(tmpdir(), 'hil-dropbear-'));
	t.teardown(() => rm(folder, { recursive: true }));
	const made = execFileSync('dropbearkey', ['-t', keyType, '-f', join(folder, 'key')], {
		encoding: 'utf8',
		stdio: 'pipe',
	});
	const own = ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256 });
	await mkdir(join(folder, 'home/.ssh'), { recursive: true, mode: 0o700 });
	await writeFile(join(folder, 'home/.ssh/authorized_keys'), `${own.public}\n`, { mode: 0o600 });
	const script = 'chomp($p = <STDIN>); print crypt($p, q($6$saltsalt$))';
	const hash = execFileSync('perl', ['-e', script], { input: `${password}\n`, encoding: 'utf8' });
	const others = (await readFile('/etc/shadow', 'utf8')).replace(/^root:.*\n/m, '');
	await writeFile(join(folder, 'shadow'), `root:${hash}:19000:0:99999:7:::\n${others}`, { mode: 0o600 });

	const ended: Promise<unknown>[] = [];
	const server = createServer({ pauseOnConnect: true }, socket => {
		const dropbear = spawn('unshare', ['--mount', 'sh', '-ec', within, 'sh', folder], {
			stdio: [socket, socket, 'pipe'],
		});
		socket.destroy();
		dropbear.stderr.resume();
		ended.push(new Promise(resolve => dropbear.once('close', resolve)));
	});
	await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
	t.teardown(async () => {
		await new Promise(resolve => server.close(resolve));
		// Each ends with its connection.
		await Promise.all(ended);
	});
	const { port } = server.address() as AddressInfo;
	const scanned = await runProgram('ssh-keyscan', ['-p', `${port}`, '127.0.0.1']);
	t.is(scanned.code, 0, scanned.stderr);
	return {
		port,
		fingerprint: /SHA256:\S+/.exec(made)?.[0] ?? '',
		knownHosts: scanned.stdout,
		privateKey: own.private,
	};
}

const targetOf = ({ port, knownHosts }: Dropbear): SshTarget => ({
	host: '127.0.0.1',
	port,
	username: 'root',
	knownHosts: parseKnownHosts(knownHosts),
});

async function readUntil(shell: SshChannel, end: RegExp): Promise<string> {
	let text = '';
	while (!end.test(text)) text += (await shell.read(signal)).toString();
	return text;
}

for (const keyType of ['ed25519', 'rsa', 'ecdsa'] as const) {
	testDropbear(
		`dropbear with a host key of ${keyType}: known by what ssh-keyscan prints, and logged in to`,
		async t => {
			const dropbear = await startDropbear(t, keyType);
			const target = targetOf(dropbear);
			t.deepEqual(target.knownHosts('127.0.0.1', dropbear.port), [dropbear.fingerprint]);
			for (const login of [{ password }, { privateKey: dropbear.privateKey }]) {
				const connection = await connectSsh({ ...target, ...login }, signal);
				const shell = await connection.shell(signal);
				await shell.write('echo "$((6 * 7))-$TERM"; exit\n', signal);
				t.regex(await readUntil(shell, /42-vt100/), /42-vt100/);
				await connection.close();
			}
		},
	);
}

testDropbear('dropbear with another key than the known one, or which does not let in, is away', async t => {
	const dropbear = await startDropbear(t, 'ed25519');
	const other = await startDropbear(t, 'ed25519');
	const target = { ...targetOf(dropbear), password };
	const stranger = parseKnownHosts(other.knownHosts.replaceAll(`:${other.port}`, `:${dropbear.port}`));
	const strange = await t.throwsAsync(connectSsh({ ...target, knownHosts: stranger }, signal), {
		code: 'SwitchAway',
	});
	t.true(strange?.message.includes(dropbear.fingerprint), strange?.message);
	t.true(strange?.message.includes(other.fingerprint), strange?.message);
	const wrong = await t.throwsAsync(connectSsh({ ...target, password: 'another' }, signal), {
		code: 'SwitchAway',
	});
	t.regex(wrong?.message ?? '', /does not let root in/);
	const connection = await connectSsh(target, signal);
	await t.throwsAsync(connection.subsystem('netconf', signal), { code: 'SwitchAway' });
	await connection.close();
});

testDropbear('three megabytes come through the window of dropbear, which is small', async t => {
	const dropbear = await startDropbear(t, 'ed25519');
	const connection = await connectSsh({ ...targetOf(dropbear), password }, signal);
	const shell = await connection.shell(signal);
	await shell.write('head -c 3000000 /dev/zero | tr "\\0" x; echo; echo done-$((1 + 1)); exit\n', signal);
	let size = 0;
	let last = '';
	while (!last.includes('done-2')) {
		const bytes = await shell.read(signal);
		size += bytes.length;
		last = (last + bytes.toString()).slice(-200);
	}
	t.true(size > 3_000_000);
	await connection.close();
});
