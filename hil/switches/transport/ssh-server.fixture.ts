import { timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import ssh2, { type Connection, type PublicKeyAuthContext, type ServerChannel } from 'ssh2';
import { fingerprintOf, type KnownHosts, parseKnownHosts } from './known-hosts.ts';

const { Server, utils } = ssh2;

export interface SshServerOptions {
	readonly username: string;
	readonly password: string;
	/** How the log-in is taken; `within`: not at all by SSH, the terminal asks. `password` when absent. */
	readonly logIn?: 'password' | 'keyboard-interactive' | 'within';
	/** In OpenSSH's format: this key is let in as well. */
	readonly publicKey?: string;
	/** `ed25519` when absent; `rsa` is what old switches have. */
	readonly hostKey?: 'ed25519' | 'rsa';
	/** What old switches speak, and nothing else. */
	readonly isOld?: boolean;
	/** Before the log-in. */
	readonly banner?: string;
	readonly onShell?: (channel: ServerChannel) => void;
	readonly onSubsystem?: (name: string, channel: ServerChannel) => void;
}

/** A real SSH server on loopback, for what is behind its channels. */
export interface SshServer {
	readonly port: number;
	readonly fingerprint: string;
	/** The line for a file of known hosts. */
	readonly knownHostsLine: string;
	readonly knownHosts: KnownHosts;
	/** Of log-ins: those taken, and those turned away. */
	readonly logIns: { taken: number; refused: number };
	/** Those that are open now. */
	readonly connections: ReadonlySet<Connection>;
	/** Ends all connections without a word, as when the switch restarts. */
	cut(): void;
	/** Reads and answers nothing more, as when the cable is pulled. */
	hang(): void;
	close(): Promise<void>;
}

const same = (a: string, b: string): boolean =>
	a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));

/** A key that ssh2 can read: of those of ed25519 that it generates, it cannot read one in some three hundred. */
export function generateSshKey(
	type: 'ed25519' | 'rsa' = 'ed25519',
): ReturnType<typeof utils.generateKeyPairSync> {
	for (;;) {
		const pair =
			type === 'rsa'
				? utils.generateKeyPairSync('rsa', { bits: 2048 })
				: utils.generateKeyPairSync('ed25519');
		if (!(utils.parseKey(pair.private) instanceof Error)) return pair;
	}
}

export async function startSshServer(options: SshServerOptions): Promise<SshServer> {
	const { hostKey = 'ed25519', logIn = 'password' } = options;
	const pair = generateSshKey(hostKey);
	const connections = new Set<Connection>();
	const logIns = { taken: 0, refused: 0 };
	const server = new Server({
		hostKeys: [pair.private],
		...(options.banner === undefined ? {} : { banner: options.banner }),
		...(options.isOld
			? {
					algorithms: {
						kex: ['diffie-hellman-group14-sha1', 'diffie-hellman-group1-sha1'],
						cipher: ['aes128-cbc', '3des-cbc'],
						serverHostKey: ['ssh-rsa'],
						hmac: ['hmac-sha1'],
					},
				}
			: {}),
	});
	server.on('connection', (client: Connection) => {
		connections.add(client);
		socketOf(client).setNoDelay();
		client.on('error', () => undefined);
		client.on('close', () => connections.delete(client));
		client.on('authentication', context => {
			const refuse = (): void => {
				if (context.method !== 'none') logIns.refused++;
				context.reject(
					logIn === 'keyboard-interactive' ? ['keyboard-interactive'] : ['password', 'publickey'],
				);
			};
			const accept = (): void => {
				logIns.taken++;
				context.accept();
			};
			if (logIn === 'within') return accept();
			if (!same(context.username, options.username)) return refuse();
			if (context.method === 'publickey' && isOwner(context, options.publicKey)) {
				// Asked without a signature, the client only wants to know whether the key is any good.
				return context.signature ? accept() : context.accept();
			}
			if (context.method === 'password' && logIn === 'password' && same(context.password, options.password))
				return accept();
			if (context.method === 'keyboard-interactive' && logIn === 'keyboard-interactive') {
				context.prompt([{ prompt: 'Password: ', echo: false }], '', '', answers => {
					if (same(answers[0] ?? '', options.password)) accept();
					else refuse();
				});
				return;
			}
			refuse();
		});
		client.on('ready', () => {
			client.on('session', accept => {
				const session = accept();
				session.on('pty', agree => agree());
				session.on('shell', (agree, deny) =>
					options.onShell ? options.onShell(watched(agree(), client)) : deny(),
				);
				session.on('subsystem', (agree, deny, { name }) =>
					options.onSubsystem ? options.onSubsystem(name, watched(agree(), client)) : deny(),
				);
			});
		});
	});
	server.listen(0, '127.0.0.1');
	await once(server, 'listening');
	const { port } = server.address() as AddressInfo;
	const knownHostsLine = `[127.0.0.1]:${port} ${pair.public}`;
	const key = Buffer.from(pair.public.split(' ')[1] ?? '', 'base64');

	const cut = (): void => {
		for (const client of connections) socketOf(client).destroy();
	};
	return {
		port,
		fingerprint: fingerprintOf(key),
		knownHostsLine,
		knownHosts: parseKnownHosts(knownHostsLine),
		logIns,
		connections,
		cut,
		hang() {
			for (const client of connections) socketOf(client).pause();
		},
		async close() {
			const closed = once(server, 'close');
			server.close();
			cut();
			await closed;
		},
	};
}

/** ssh2 has no other way to end, or stop, without a word, nor to send small answers at once. */
const socketOf = (client: Connection): Socket => (client as unknown as { _sock: Socket })._sock;

/** Writing to a client that has gone is no fault of the server's; ssh2 does not tell channels that their client has. */
function watched(channel: ServerChannel, client: Connection): ServerChannel {
	channel.on('error', () => undefined);
	const gone = (): void => void channel.emit('close');
	client.once('close', gone);
	channel.once('close', () => client.removeListener('close', gone));
	return channel;
}

function isOwner({ key, signature, blob, hashAlgo }: PublicKeyAuthContext, publicKey?: string): boolean {
	if (publicKey === undefined) return false;
	const known = utils.parseKey(publicKey);
	if (known instanceof Error || !known.getPublicSSH().equals(key.data)) return false;
	return signature === undefined || (blob !== undefined && known.verify(blob, signature, hashAlgo) === true);
}
