// The proxy of a site as a process of its own that can be killed at a named moment: `proxy-child.fixture.ts site.yaml`.
// Between the proxy and its disk stands what counts the moments; nothing of that is in the proxy itself.

import { createLogger } from '../../common/log/logger.ts';
import { storeFailed } from '../../common/store/errors.ts';
import type { Store } from '../../common/store/store.ts';
import type { AuditLog } from '../../proxy/audit/audit-log.ts';
import { startProxy } from '../../proxy/main.ts';
import { readSite } from '../../proxy/site.ts';
import type { FromChild, ToChild } from './child-proxy.ts';

const [config] = process.argv.slice(2);
if (!config || !process.send) throw new Error('started by child-proxy.ts with a site file');
const tell = (message: FromChild): void => void process.send?.(message);

let passed: string[] | undefined;
let killAt: number | string = Number.POSITIVE_INFINITY;
/** A moment at which the proxy may die. Only counted once armed. */
function moment(name: string): void {
	if (!passed) return;
	passed.push(name);
	// The signal is delivered before kill(2) returns to its own process.
	if (passed.length === killAt || name === killAt) process.kill(process.pid, 'SIGKILL');
}
/** The moment after something of which the moment before is `before`: not one of what began before it was armed. */
function momentAfter(before: string, after: string): () => void {
	const counted = passed;
	moment(before);
	return () => {
		if (counted !== undefined && counted === passed) moment(after);
	};
}

let storeFault: Error | undefined;
const watchStore = (store: Store): Store => ({
	...store,
	async read(work) {
		if (storeFault) throw storeFault;
		return store.read(work);
	},
	async transact(work) {
		if (storeFault) throw storeFault;
		const isWritten = momentAfter('store: about to write', 'store: written');
		const result = await store.transact(work);
		isWritten();
		return result;
	},
});
const watchAudit = (audit: AuditLog): AuditLog => ({
	...audit,
	append(record, options) {
		const isRecorded = momentAfter(`audit: about to record ${record.kind}`, `audit: recorded ${record.kind}`);
		const appended = audit.append(record, options);
		// Seen before whoever waits for it goes on.
		appended.durable.then(isRecorded, () => undefined);
		return appended;
	},
});

process.on('message', (message: ToChild) => {
	switch (message.kind) {
		case 'arm':
			passed = [];
			killAt = message.killAt ?? Number.POSITIVE_INFINITY;
			tell({ kind: 'armed' });
			return;
		case 'passed':
			tell({ kind: 'passed', moments: passed ?? [] });
			return;
		case 'store':
			storeFault = message.isAway
				? storeFailed('store.sqlite', false, new Error('the disk is away'))
				: undefined;
			tell({ kind: 'armed' });
	}
});

const running = await startProxy(readSite(config), {
	logger: createLogger({ service: 'proxy', level: 'warn', destination: process.stderr }),
	through: ({ store, audit }) => ({ store: watchStore(store), audit: watchAudit(audit) }),
});
let isStopping = false;
process.on('SIGTERM', () => {
	if (isStopping) return running.hurry();
	isStopping = true;
	running.close().then(() => process.disconnect());
});
tell({ kind: 'up', url: running.url, ops: running.ops, bmcs: { ...running.bmcs } });
