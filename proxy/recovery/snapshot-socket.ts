import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, rm, stat } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Logger } from '../../common/log/logger.ts';
import { openStore } from '../../common/store/open-store.ts';
import type { Store } from '../../common/store/store.ts';
import type { Site } from '../site.ts';
import { recoveryErrors } from './errors.ts';

/** Where a running proxy gives a snapshot of its store to who may write there: its own user. */
const socketPath = (site: Pick<Site, 'folder'>): string => join(site.folder, 'snapshot.sock');

/** Bytes that a socket's path may have (unix(7), 108 with the ending zero). */
const longestPath = 107;

/**
 * Listens until closed. Only one proxy at a time runs on a site (its audit log is locked), so that what stands at
 * the socket's path was left by one that died.
 */
export async function offerSnapshots(
	site: Pick<Site, 'folder' | 'store'>,
	store: Store,
	logger: Logger,
): Promise<{ close(): Promise<void> }> {
	const path = socketPath(site);
	if (Buffer.byteLength(path) > longestPath) {
		logger.warn({ path }, 'the path is too long for a socket: backups need the proxy to be stopped');
		return { close: async () => undefined };
	}
	await rm(path, { force: true });
	const server = createServer((asked, response) => {
		if (asked.method !== 'POST' || asked.url !== '/snapshot') {
			response.writeHead(404).end();
			return;
		}
		withSnapshot(store, site, async file => {
			response.writeHead(200, { 'content-length': (await stat(file)).size });
			await pipeline(createReadStream(file), response);
		}).catch(fault => {
			logger.error({ err: fault }, 'a snapshot of the store could not be given');
			if (response.headersSent) response.destroy();
			else response.writeHead(500).end();
		});
	});
	await new Promise<void>((resolve, reject) => {
		server.once('error', reject);
		server.listen(path, resolve);
	});
	await chmod(path, 0o600);
	server.unref();
	return {
		async close() {
			await new Promise(resolve => server.close(resolve));
		},
	};
}

async function withSnapshot<R>(
	store: Store,
	site: Pick<Site, 'store'>,
	work: (file: string) => Promise<R>,
): Promise<R> {
	const file = join(dirname(site.store.file), `.snapshot-${randomBytes(6).toString('hex')}.tmp`);
	try {
		await store.snapshot(file);
		return await work(file);
	} finally {
		await rm(file, { force: true });
	}
}

export interface Snapshot {
	readonly size: number;
	readonly bytes: () => AsyncIterable<Uint8Array>;
}

/**
 * A snapshot of the site's store: from the running proxy, or of the store itself when none runs.
 * @throws BimetalError SnapshotRefused; StoreLocked when a proxy runs that offers none
 */
export async function takeSnapshot<R>(site: Site, work: (snapshot: Snapshot) => Promise<R>): Promise<R> {
	const running = await askProxy(site);
	if (running) return work(running);
	const store = await openStore(site.store);
	try {
		return await withSnapshot(store, site, async file =>
			work({ size: (await stat(file)).size, bytes: () => createReadStream(file) }),
		);
	} finally {
		await store.close();
	}
}

function askProxy(site: Site): Promise<Snapshot | undefined> {
	return new Promise((resolve, reject) => {
		const asked = request({ socketPath: socketPath(site), method: 'POST', path: '/snapshot' }, response => {
			const size = Number(response.headers['content-length']);
			if (response.statusCode === 200 && Number.isSafeInteger(size)) resolve({ size, bytes: () => response });
			else {
				response.resume();
				reject(recoveryErrors.SnapshotRefused(`the proxy answered ${response.statusCode}; its log says why`));
			}
		});
		asked.once('error', (fault: NodeJS.ErrnoException) => {
			const nobody = ['ENOENT', 'ECONNREFUSED', 'ENOTSOCK', 'EINVAL', 'ENAMETOOLONG'].includes(
				fault.code ?? '',
			);
			if (nobody) resolve(undefined);
			else reject(recoveryErrors.SnapshotRefused('the proxy could not be asked', { cause: fault }));
		});
		asked.end();
	});
}
