import { type ChildProcess, fork } from 'node:child_process';
import { Agent, get } from 'node:https';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { selfSigned } from './self-signed.ts';

const NAMES = ['node1', 'node2', 'node3', 'node4', 'node5', 'node6', 'node7', 'node8', 'pdu'];
const LIMIT_MB = 150;
const PASSWORD = 'memory-probe';

test('eight BMCs and a PDU over TLS take less than 150 MB after every resource was read', async t => {
	const tls = Object.fromEntries(NAMES.map(name => [name, selfSigned(name)]));
	const child = fork(fileURLToPath(new URL('memory-probe.ts', import.meta.url)), {
		stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
		execArgv: ['--disable-warning=ExperimentalWarning'],
	});
	t.teardown(() => child.kill());
	const { urls } = await ask<{ urls: string[] }>(child, { password: PASSWORD, tls });
	let read = 0;
	for (const [index, url] of urls.entries()) {
		const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: tls[NAMES[index] ?? '']?.cert });
		read += await walk(url, agent);
		agent.destroy();
	}
	const { rss } = await ask<{ rss: number }>(child, {});
	const megabytes = Math.round(rss / 1024 / 1024);
	t.log(`${read} resources read; resident memory ${megabytes} MB`);
	t.true(read > 8 * 150);
	t.true(megabytes < LIMIT_MB, `${megabytes} MB`);
});

function ask<T>(child: ChildProcess, message: object): Promise<T> {
	return new Promise((resolve, reject) => {
		child.once('message', answer => resolve(answer as T));
		child.once('exit', code => reject(new Error(`the rack ended with ${code}`)));
		child.send(message);
	});
}

/** Follows every link from the service root; gives the number of resources. */
async function walk(url: string, agent: Agent): Promise<number> {
	const seen = new Set(['/redfish/v1']);
	for (const path of seen) {
		const { status, body } = await fetchJson(`${url}${path}`, agent);
		if (status !== 200) throw new Error(`${status} for ${path}`);
		for (const [, link = ''] of body.matchAll(/"@odata\.id": "([^"#]+)"/g)) seen.add(link);
	}
	return seen.size;
}

function fetchJson(url: string, agent: Agent): Promise<{ status: number; body: string }> {
	return new Promise((resolve, reject) => {
		get(url, { agent, auth: `root:${PASSWORD}` }, response => {
			let body = '';
			response.setEncoding('utf8');
			response.on('data', (piece: string) => {
				body += piece;
			});
			response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
		}).on('error', reject);
	});
}
