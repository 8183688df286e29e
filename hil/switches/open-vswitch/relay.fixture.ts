import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { createJsonStream } from '../../../common/ovsdb/json-stream.ts';

/** One step of a transaction (RFC 7047 section 5.2). */
type Operation = Readonly<Record<string, unknown>> & { readonly op: string; readonly table?: string };

/** A transaction on its way from hil to the switch. What becomes of it is up to who holds it. */
export interface HeldTransaction {
	readonly operations: readonly Operation[];
	/** Whether it would change the configuration of a port. */
	readonly isChange: boolean;
	/** Lets it through, or other operations in its place; resolves with the switch's results, which hil is not told. */
	carryOut(instead?: readonly Operation[]): Promise<unknown>;
	/** Lets it through, and the answer back. */
	pass(): Promise<void>;
	/** Tells hil that the switch refuses (section 4.1.3: an error in place of the results). */
	refuse(words: string): void;
	/** Ends the connection that it came over; the switch still has its own end. */
	cut(): void;
}

/** Stands between hil and the database of an Open vSwitch. */
export interface OvsdbRelay {
	/** Path of its socket. */
	readonly path: string;
	/** What becomes of transactions from now on; absent: they pass. */
	hold(by?: (transaction: HeldTransaction) => Promise<void> | void): void;
	/** Nobody can connect, and nobody is connected; until it is back. */
	goAway(): void;
	comeBack(): void;
	close(): Promise<void>;
}

interface Message {
	readonly id?: unknown;
	readonly method?: string;
	readonly params?: readonly unknown[];
	readonly result?: unknown;
}

export async function startOvsdbRelay(path: string, database: string): Promise<OvsdbRelay> {
	const sockets = new Set<Socket>();
	const callers = new Set<Socket>();
	let holder: ((transaction: HeldTransaction) => Promise<void> | void) | undefined;
	let isAway = false;
	const keep = (socket: Socket): Socket => {
		sockets.add(socket);
		return socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
	};

	const server = createServer(caller => {
		if (isAway) return void caller.on('error', () => undefined).destroy();
		keep(caller).on('close', () => callers.delete(caller));
		callers.add(caller);
		const upstream = keep(connect(database)).on('close', () => caller.destroy());
		/** By the number of a transaction, who waits for what came of it. */
		const asked = new Map<unknown, (answer: Message) => void>();
		const tell = (message: object): void => {
			if (caller.writable) caller.write(JSON.stringify(message));
		};
		const carryOut = (message: Message, operations: readonly unknown[]): Promise<Message> =>
			new Promise(resolve => {
				asked.set(message.id, resolve);
				upstream.write(JSON.stringify({ ...message, params: [message.params?.[0], ...operations] }));
			});
		upstream.on(
			'data',
			createJsonStream(value => {
				const message = value as Message;
				const waiting = message.method === undefined ? asked.get(message.id) : undefined;
				asked.delete(message.id);
				if (waiting) waiting(message);
				// A switch gives up who does not say that it is there (section 4.1.11); the caller may be gone.
				else if (message.method === 'echo')
					upstream.write(JSON.stringify({ id: message.id, result: message.params, error: null }));
				else tell(message);
			}),
		);
		caller.on(
			'data',
			createJsonStream(value => {
				const message = value as Message;
				if (message.method !== 'transact') return void upstream.write(JSON.stringify(message));
				const operations = (message.params ?? []).slice(1) as Operation[];
				const held: HeldTransaction = {
					operations,
					isChange: operations.some(({ op, table }) => op !== 'select' && op !== 'wait' && table === 'Port'),
					carryOut: async (instead = operations) => (await carryOut(message, instead)).result,
					pass: async () => tell(await carryOut(message, operations)),
					refuse: words => tell({ id: message.id, result: null, error: words }),
					cut: () => void caller.destroy(),
				};
				void (holder ?? (each => each.pass()))(held);
			}),
		);
	});
	server.listen(path);
	await once(server, 'listening');
	return {
		path,
		hold(by) {
			holder = by;
		},
		goAway() {
			isAway = true;
			for (const caller of callers) caller.destroy();
		},
		comeBack() {
			isAway = false;
		},
		async close() {
			server.close();
			for (const socket of sockets) socket.destroy();
		},
	};
}
