import { connect } from 'node:net';
import { type Algorithms, Client, type ClientChannel, type ConnectConfig } from 'ssh2';
import { hilErrors } from '../../errors.ts';
import { fingerprintOf, type KnownHosts } from './known-hosts.ts';
import { openSshChannel, type SshChannel } from './ssh-channel.ts';
import { sshLogin } from './ssh-login.ts';

export interface SshTarget {
	readonly host: string;
	readonly port: number;
	readonly username: string;
	readonly password?: string | undefined;
	/** Of OpenSSH's or PEM's format, without a passphrase. */
	readonly privateKey?: string | undefined;
	/** By which it is known. */
	readonly knownHosts: KnownHosts;
	/** Also speaks what switches of before 2015 need (SHA-1, CBC, group 1), when they have nothing better. */
	readonly isOld?: boolean;
}

/** A connection whose other end has shown a known host key, and where the log-in was taken. */
export interface SshConnection {
	/** A terminal without echo of its own: what comes is what the switch writes. */
	shell(signal: AbortSignal): Promise<SshChannel>;
	/** For instance `netconf` (RFC 6242). */
	subsystem(name: string, signal: AbortSignal): Promise<SshChannel>;
	/** False once it has broken, or was closed. */
	readonly isOpen: boolean;
	/** Lets the process end while it is open. */
	unref(): void;
	close(): Promise<void>;
}

/** In milliseconds: a switch that says nothing to three in a row is away. */
const keepAlive = 10_000;
/** Wide and long, so that little is wrapped or paged. */
const terminal = { term: 'vt100', cols: 512, rows: 512 };

/** Of before 2015, and behind all others. Host keys of DSA are no option: they are what the switch is known by. */
const oldAlgorithms = {
	kex: ['diffie-hellman-group-exchange-sha1', 'diffie-hellman-group14-sha1', 'diffie-hellman-group1-sha1'],
	cipher: ['aes256-cbc', 'aes192-cbc', 'aes128-cbc', '3des-cbc'],
};

/**
 * Connects and logs in. Nothing is sent of the log-in before the host key was found among those known.
 * @throws SwitchAway when it cannot be reached, shows another key or does not take the log-in; the signal's reason when
 * it is aborted
 */
export async function connectSsh(target: SshTarget, signal: AbortSignal): Promise<SshConnection> {
	signal.throwIfAborted();
	const { host, port } = target;
	const client = new Client();
	const socket = connect({ host, port, noDelay: true });
	const where = `${host}:${port}`;
	const knownKeys = target.knownHosts(host, port);
	const ended = new AbortController();
	let unknownKey: string | undefined;
	const away = (why: string): Error => hilErrors.SwitchAway(`the switch at ${where} ${why}`);
	const end = (fault: Error): void => {
		if (!ended.signal.aborted) ended.abort(fault);
		// Not the client's own `destroy`, which does nothing once `end` was called, and waits for the other side.
		socket.destroy();
	};
	client.on('error', fault => {
		if (unknownKey !== undefined) end(strangeKey(target, knownKeys, unknownKey));
		else if (fault.level === 'client-authentication') end(away(`does not let ${target.username} in`));
		else end(away(wordsOf(fault)));
	});
	client.on('close', () => end(away('closed the connection')));
	client.on('change password', () => end(away('wants another password: set one there, and register it')));

	const config: ConnectConfig = {
		sock: socket,
		username: target.username,
		authHandler: sshLogin(target),
		hostVerifier: (key: Buffer) => {
			const fingerprint = fingerprintOf(key);
			const isKnown = knownKeys.includes(fingerprint);
			if (!isKnown) unknownKey = fingerprint;
			return isKnown;
		},
		keepaliveInterval: keepAlive,
		keepaliveCountMax: 3,
		// The signal says how long it may take.
		readyTimeout: 0,
		algorithms: algorithmsFor(target),
	};
	const giveUp = (): void => end(signal.reason);
	signal.addEventListener('abort', giveUp, { once: true });
	try {
		await untilEnded<void>(ended.signal, resolve => {
			client.once('ready', () => resolve());
			client.connect(config);
		});
	} finally {
		signal.removeEventListener('abort', giveUp);
	}

	/** Opens a channel; when that is given up the connection ends, so that nothing half open stays. */
	async function open(
		by: (done: (fault: Error | undefined, channel: ClientChannel) => void) => void,
		givenUp: AbortSignal,
	): Promise<SshChannel> {
		givenUp.throwIfAborted();
		const stop = (): void => end(givenUp.reason);
		givenUp.addEventListener('abort', stop, { once: true });
		try {
			const channel = await untilEnded<ClientChannel>(ended.signal, (resolve, reject) => {
				by((fault, opened) =>
					fault ? reject(away(`opens no channel: ${wordsOf(fault)}`)) : resolve(opened),
				);
			});
			return openSshChannel(channel, ended.signal, away);
		} finally {
			givenUp.removeEventListener('abort', stop);
		}
	}

	return {
		shell: givenUp => open(done => client.shell(terminal, done), givenUp),
		subsystem: (name, givenUp) => open(done => client.subsys(name, done), givenUp),
		get isOpen() {
			return !ended.signal.aborted;
		},
		unref: () => void socket.unref(),
		async close() {
			if (ended.signal.aborted) return;
			const closed = new Promise(resolve => socket.once('close', resolve));
			// Says goodbye, and does not wait for an answer.
			client.end();
			end(away('is no longer connected'));
			await closed;
		},
	};
}

async function untilEnded<R>(
	ended: AbortSignal,
	start: (resolve: (value: R | PromiseLike<R>) => void, reject: (fault: Error) => void) => void,
): Promise<R> {
	ended.throwIfAborted();
	const { promise, resolve, reject } = Promise.withResolvers<R>();
	const stop = (): void => reject(ended.reason);
	ended.addEventListener('abort', stop, { once: true });
	try {
		start(resolve, reject);
		return await promise;
	} finally {
		ended.removeEventListener('abort', stop);
	}
}

/** ssh2 takes parts of this form; its types want all of them. */
const algorithmsFor = ({ isOld }: SshTarget): Algorithms =>
	({
		compress: ['none'],
		...(isOld ? { kex: { append: oldAlgorithms.kex }, cipher: { append: oldAlgorithms.cipher } } : {}),
	}) as unknown as Algorithms;

function strangeKey({ host, port }: SshTarget, knownKeys: readonly string[], offered: string): Error {
	const known = knownKeys.length === 0 ? 'none is known of it' : `known are ${knownKeys.join(' and ')}`;
	const scan = port === 22 ? `ssh-keyscan ${host}` : `ssh-keyscan -p ${port} ${host}`;
	return hilErrors.SwitchAway(
		`the switch at ${host}:${port} shows the host key ${offered}; ${known}. Compare it at the switch's own console; if it is ` +
			`the switch's, add what \`${scan}\` prints for it to the file of known hosts in hil.yaml`,
	);
}

/** What the other side or the network said; its control characters do not reach a log or terminal. */
const wordsOf = (fault: Error & { level?: string }): string => {
	// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
	const words = fault.message.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').slice(0, 300);
	return fault.level === 'client-socket' ? `cannot be reached: ${words}` : `ended the connection: ${words}`;
};
