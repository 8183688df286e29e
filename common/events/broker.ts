import { createHash, timingSafeEqual } from 'node:crypto';
import type { EventEmitter } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { Aedes, type AuthenticateError, type Client } from 'aedes';
import { explainListenError } from '../http/listen-error.ts';
import { type Logger, silentLogger } from '../log/logger.ts';
import { isLoopback } from '../network/loopback.ts';
import { eventErrors } from './errors.ts';
import { createFrameGuard } from './frame-guard.ts';
import { coversPattern, isTopicPattern, matchesTopic } from './topics.ts';

/** Who may connect, and to which topics; patterns as MQTT writes them. */
export interface BrokerUser {
	readonly name: string;
	readonly password: string;
	readonly publish: readonly string[];
	readonly subscribe: readonly string[];
}

export interface BrokerOptions {
	readonly host: string;
	/** 0 takes a free one. */
	readonly port: number;
	readonly users: readonly BrokerUser[];
	readonly logger?: Logger;
	/** At most this many connections at once; 100 when absent. */
	readonly connections?: number;
	/** Longest packet in bytes; 256 KiB when absent. */
	readonly packetLimit?: number;
	/** Key and certificate: needed as soon as `host` is not loopback, or passwords would travel in clear. */
	readonly tls?: TlsOptions;
}

export interface Broker {
	readonly host: string;
	readonly port: number;
	/** For connectEvents; holds no credential. */
	readonly url: string;
	connections(): number;
	/** Ends every connection, then resolves. */
	close(): Promise<void>;
}

const BAD_USER_NAME_OR_PASSWORD = 4; // MQTT 3.1.1, table 3.1

/**
 * The embedded MQTT 3.1.1 broker. Everybody authenticates, and publishes and subscribes only where the access
 * list says so: telemetry decides policies, so whoever can forge it can open them. A publication that is not
 * allowed ends the connection, a subscription is refused. Client ids must be `<user>/…`, so that nobody can
 * push another user's connection out; sessions end with their connection, and nothing is queued for the absent.
 * @throws BimetalError BrokerInvalid; PortTaken and the like from listening.
 */
export async function startBroker(options: BrokerOptions): Promise<Broker> {
	const { users, logger = silentLogger, packetLimit = 256 * 1024 } = options;
	checkUsers(users);
	if (!options.tls && !isLoopback(options.host)) {
		throw eventErrors.BrokerInvalid(
			`listening on ${options.host} without TLS would show the passwords: give tls`,
		);
	}
	const byName = new Map(users.map(user => [user.name, user]));
	const loggedIn = new WeakMap<Client, BrokerUser>();

	const aedes = await Aedes.createBroker({
		connectTimeout: 5000,
		drainTimeout: 10_000,
		keepaliveLimit: 300,
		queueLimit: 20,
		maxInflightInbound: 100,
		// A kept session would hold messages for clients that never come back.
		preConnect: (_client, packet, done) => done(null, packet.clean === true),
		authenticate(client, username, password, done) {
			const user = byName.get(username ?? '');
			const right = sameText(password?.toString('utf8') ?? '', user?.password ?? '');
			if (!user || !right || !client.id.startsWith(`${user.name}/`)) {
				logger.warn({ user: username, client: client.id }, 'the broker refused a connection');
				const refusal = Object.assign(new Error('bad user name or password'), {
					returnCode: BAD_USER_NAME_OR_PASSWORD,
				});
				done(refusal as AuthenticateError, false);
				return;
			}
			loggedIn.set(client, user);
			done(null, true);
		},
		authorizePublish(client, { topic }, done) {
			const user = client ? loggedIn.get(client) : undefined;
			if (user?.publish.some(pattern => matchesTopic(pattern, topic))) return done(null);
			logger.warn({ user: user?.name, topic }, 'the broker refused a publication');
			done(new Error('not allowed to publish there'));
		},
		authorizeSubscribe(client, subscription, done) {
			const user = loggedIn.get(client);
			if (user?.subscribe.some(pattern => coversPattern(pattern, subscription.topic))) {
				return done(null, subscription);
			}
			logger.warn({ user: user?.name, topic: subscription.topic }, 'the broker refused a subscription');
			done(null, null);
		},
	});
	for (const event of ['clientError', 'connectionError'] as const) {
		aedes.on(event, (_client, err) => logger.debug({ err }, 'a connection to the broker failed'));
	}
	(aedes as EventEmitter).on('error', (err: Error) => logger.error({ err }, 'the broker failed'));

	const sockets = new Set<Socket>();
	const accept = (socket: Socket): void => {
		sockets.add(socket);
		socket.once('close', () => sockets.delete(socket));
		aedes.handle(socket);
		// After the broker's own 'readable' listener, so that this one only watches what that one reads.
		const guard = createFrameGuard(packetLimit);
		socket.on('data', (chunk: Buffer) => {
			if (!guard(chunk)) socket.destroy();
		});
	};
	const server = options.tls ? createTlsServer(options.tls, accept) : createServer(accept);
	server.maxConnections = options.connections ?? 100;
	try {
		await listenOn(server, options);
	} catch (error) {
		await new Promise<void>(resolve => aedes.close(resolve));
		throw error;
	}
	const address = server.address();
	const port = typeof address === 'object' && address ? address.port : options.port;
	let closing: Promise<void> | undefined;
	const close = async (): Promise<void> => {
		const closed = new Promise<void>(resolve => {
			server.close(() => resolve());
		});
		await new Promise<void>(resolve => aedes.close(resolve));
		for (const socket of sockets) socket.destroy();
		await closed;
	};
	const urlHost = options.host.includes(':') ? `[${options.host}]` : options.host;
	return {
		host: options.host,
		port,
		url: `${options.tls ? 'mqtts' : 'mqtt'}://${urlHost}:${port}`,
		connections: () => sockets.size,
		close() {
			closing ??= close();
			return closing;
		},
	};
}

function checkUsers(users: readonly BrokerUser[]): void {
	const names = new Set<string>();
	for (const { name, password, publish, subscribe } of users) {
		if (!/^[\w.-]{1,64}$/.test(name))
			throw eventErrors.BrokerInvalid(`${JSON.stringify(name)} is not a user name`);
		if (names.has(name)) throw eventErrors.BrokerInvalid(`the user ${name} is given twice`);
		if (password.length < 12)
			throw eventErrors.BrokerInvalid(`the password of ${name} has under 12 characters`);
		for (const pattern of [...publish, ...subscribe]) {
			if (!isTopicPattern(pattern)) {
				throw eventErrors.BrokerInvalid(`${JSON.stringify(pattern)} of ${name} is not a topic pattern`);
			}
		}
		names.add(name);
	}
}

/** Compares digests, so that the time taken tells neither a prefix nor the length. */
function sameText(a: string, b: string): boolean {
	const digest = (text: string) => createHash('sha256').update(text).digest();
	return timingSafeEqual(digest(a), digest(b));
}

async function listenOn(server: Server, { host, port }: BrokerOptions): Promise<void> {
	await new Promise<void>((resolve, reject) => {
		server.once('error', cause => reject(explainListenError(cause, host, port)));
		server.listen({ host, port }, resolve);
	});
}
