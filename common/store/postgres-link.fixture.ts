import { mkdtemp, rm } from 'node:fs/promises';
import { createConnection, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Asked, countTrips } from './postgres-trips.fixture.ts';

/** A way to a server's UNIX socket that can break in the moment of a commit. */
export interface Link {
	/** What a client takes for the server's folder. */
	readonly folder: string;
	/** What becomes of the next commit; then `whole` again. `unheard`: the server gets it, and its answer is lost. */
	commit: 'whole' | 'unsent' | 'unheard';
	/** Nobody comes through from the next break on. */
	staysBroken: boolean;
	/** What was asked over it so far. */
	readonly asked: Readonly<Asked>;
	/** Breaks at once, all that goes over it, and stays broken. */
	cut(): void;
	mend(): void;
	close(): Promise<void>;
}

const socketName = '.s.PGSQL.5432';

export async function openLink(server: string): Promise<Link> {
	const folder = await mkdtemp(join(tmpdir(), 'bimetal-link-'));
	const open = new Set<Socket>();
	let isBroken = false;
	const asked: Asked = { trips: 0, statements: 0 };
	const link: Link = {
		folder,
		asked,
		commit: 'whole',
		staysBroken: false,
		cut() {
			isBroken = true;
			for (const socket of open) socket.destroy();
		},
		mend() {
			isBroken = false;
		},
		async close() {
			for (const socket of open) socket.destroy();
			await new Promise(resolve => listener.close(resolve));
			await rm(folder, { recursive: true });
		},
	};
	const listener = createServer(near => {
		if (isBroken) {
			near.destroy();
			return;
		}
		const far = createConnection(join(server, socketName));
		const trips = countTrips(asked);
		let isUnheard = false;
		const cut = (): void => {
			isBroken = link.staysBroken;
			near.destroy();
			far.destroy();
		};
		for (const socket of [near, far]) {
			open.add(socket);
			socket.on('error', () => undefined);
			socket.on('close', () => {
				open.delete(socket);
				near.destroy();
				far.destroy();
			});
		}
		near.on('data', bytes => {
			trips.sent(bytes);
			const { commit } = link;
			// The client sends the whole message at once (protocol 3.0, Query).
			if (commit === 'whole' || !bytes.includes('COMMIT\0')) {
				far.write(bytes);
				return;
			}
			link.commit = 'whole';
			if (commit === 'unsent') return cut();
			isUnheard = true;
			far.write(bytes);
		});
		far.on('data', bytes => {
			trips.answered();
			if (isUnheard) cut();
			else near.write(bytes);
		});
	});
	await new Promise<void>(resolve => listener.listen(join(folder, socketName), resolve));
	return link;
}
