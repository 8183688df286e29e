import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { createJsonStream } from '../../../common/ovsdb/json-stream.ts';

interface Question {
	readonly method: string;
	readonly params: readonly unknown[];
}

/** Stands between hil and a switch's database, as whatever is on the way to it. */
export interface Relay {
	/** For the settings. */
	readonly database: string;
	/**
	 * What happens with each question from now on: it passes when what is returned resolves. `cut` ends hil's connection
	 * when the question has passed, before its answer.
	 */
	onQuestion(deal: ((question: Question) => Promise<'pass' | 'cut'>) | undefined): void;
	/** Resolves when the database has answered everything that has passed. */
	answered(): Promise<void>;
	close(): Promise<void>;
}

export const isChange = ({ method, params }: Question): boolean =>
	method === 'transact' && params.some(each => (each as { op?: string }).op === 'update');

/** A relay to the database in `folder`. What hil has sent comes to the database even when hil has gone. */
export async function startRelay(folder: string): Promise<Relay> {
	const path = join(folder, 'relay.sock');
	const sockets = new Set<Socket>();
	let deal: (question: Question) => Promise<'pass' | 'cut'> = async () => 'pass';
	let open = 0;
	const whenNoneIsOpen: (() => void)[] = [];
	const server = createServer(ours => {
		const theirs = connect(join(folder, 'db.sock'));
		for (const socket of [ours, theirs]) sockets.add(socket.on('error', () => undefined));
		let queue = Promise.resolve();
		let isCut = false;
		ours.on(
			'data',
			createJsonStream(value => {
				const question = value as Question;
				queue = queue.then(async () => {
					const how = 'method' in question ? await deal(question) : 'pass';
					if (how === 'cut') {
						isCut = true;
						// The switch has done it when it answers.
						theirs.once('data', () => ours.destroy());
					}
					if ('method' in question) open++;
					theirs.write(JSON.stringify(question));
				});
			}),
		);
		const listen = createJsonStream(value => {
			if ('method' in (value as object) || --open > 0) return;
			for (const resolve of whenNoneIsOpen.splice(0)) resolve();
		});
		theirs.on('data', bytes => {
			if (!isCut) ours.write(bytes);
			listen(bytes);
		});
		theirs.once('close', () => ours.destroy());
	}).listen(path);
	await once(server, 'listening');
	return {
		database: `unix:${path}`,
		onQuestion(next) {
			deal = next ?? (async () => 'pass');
		},
		answered: () => (open === 0 ? Promise.resolve() : new Promise(resolve => whenNoneIsOpen.push(resolve))),
		async close() {
			for (const socket of sockets) socket.destroy();
			server.close();
			await rm(path, { force: true });
		},
	};
}
