import { spawn } from 'node:child_process';
import { type AddressInfo, type Socket, Server as TcpServer } from 'node:net';
import { BimetalError } from '../errors/bimetal-error.ts';
import { findProgram } from '../processes/programs.ts';

/** A server that listens where this process itself is not. */
export interface ListeningElsewhere {
	readonly port: number;
	/** Cuts off what is connected. */
	close(): Promise<void>;
}

/** Milliseconds for the helper to listen. */
const patience = 20_000;
/** At one time. */
const mostConnections = 1000;

/** Binds in the network that it was started in, hands over what it listens on, and waits to be told to go. */
const helper = `
const [host, port] = process.argv.slice(1);
const server = require('node:net').createServer({ pauseOnConnect: true }, socket => socket.destroy());
server.on('error', fault => process.send({ fault: fault.message }));
server.listen({ host, port: Number(port) }, () => process.send('listening', server));
process.on('disconnect', () => process.exit());
`;

/**
 * Has a server listen in another network namespace (as nsenter(1) takes it): a socket stays in the namespace that it was made
 * in, so a process there makes it, passes it to this one (unix(7), SCM_RIGHTS) and ends. A connection is cut off after
 * `lifetime` milliseconds: the limits of a server's own hold only where it listens by itself. Throws ListenFailed.
 */
export async function listenInNetwork(
	server: TcpServer,
	options: {
		readonly network: string;
		readonly host: string;
		/** 0: any that is free. */
		readonly port: number;
		readonly lifetime: number;
	},
): Promise<ListeningElsewhere> {
	const { network, host, port, lifetime } = options;
	const [setpriv, nsenter] = await Promise.all([findProgram('setpriv'), findProgram('nsenter')]);
	const args = ['--pdeathsig', 'KILL', '--', nsenter, `--net=${network}`, '--', process.execPath];
	const child = spawn(setpriv, [...args, '-e', helper, host, String(port)], {
		stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
		env: { PATH: process.env.PATH ?? '' },
	});
	let said = '';
	child.stderr?.on('data', (bytes: Buffer) => {
		said = (said + bytes).slice(-1000);
	});
	const listening = await new Promise<TcpServer>((resolve, reject) => {
		const timer = setTimeout(() => refuse('no answer'), patience);
		const refuse = (reason: string): void => {
			clearTimeout(timer);
			child.kill('SIGKILL');
			reject(new BimetalError('ListenFailed', `cannot listen on ${host}:${port} there: ${reason}`));
		};
		child.once('error', fault => refuse(fault.message));
		child.once('exit', () => refuse(said.trim() || 'it ended'));
		child.on('message', (message, handle) => {
			if (!(handle instanceof TcpServer)) return refuse(JSON.stringify(message));
			clearTimeout(timer);
			child.removeAllListeners('exit');
			resolve(handle);
		});
	});
	// While it is there it would take connections as well.
	const gone = new Promise<void>(resolve => child.once('exit', () => resolve()));
	if (child.connected) child.disconnect();
	else child.kill('SIGKILL');
	await gone;
	const connections = new Set<Socket>();
	listening.maxConnections = mostConnections;
	listening.on('connection', socket => {
		connections.add(socket);
		const timer = setTimeout(() => socket.destroy(), lifetime);
		socket.once('close', () => {
			clearTimeout(timer);
			connections.delete(socket);
		});
		socket.on('error', () => undefined);
		server.emit('connection', socket);
	});
	return {
		port: (listening.address() as AddressInfo).port,
		close: () =>
			new Promise<void>(resolve => {
				listening.close(() => resolve());
				for (const socket of connections) socket.destroy();
			}),
	};
}
