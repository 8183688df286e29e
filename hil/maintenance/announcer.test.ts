import { createServer } from 'node:http';
import test from 'ava';
import { FakeClock } from '../../common/clock.ts';
import { listen } from '../../common/http/listen.ts';
import { silentLogger } from '../../common/log/logger.ts';
import { actor, createBench } from '../core/bench.fixture.ts';
import { announcements } from '../core/maintenance.ts';
import { connectNode, createProject, detachNode } from '../core/projects.ts';
import { createAnnouncer } from './announcer.ts';

test('the maintenance service is told of each node until it has heard', async t => {
	const told: string[] = [];
	let status = 500;
	const server = createServer((request, response) => {
		let body = '';
		request.on('data', piece => {
			body += piece;
		});
		request.on('end', () => {
			told.push(`${request.method} ${request.headers['content-type']} ${body}`);
			response.writeHead(status).end();
		});
	});
	const listening = await listen(server, { host: '127.0.0.1', port: 0 });
	t.teardown(() => listening.close(0));
	const bench = await createBench({ maintenance: 'care' });
	await bench.furnish({ projects: ['red', 'care'], nodes: ['n1'] });
	await bench.do('project.connect-node', connectNode, { project: 'red', node: 'n1' });
	await bench.do('project.detach-node', detachNode, { project: 'red', node: 'n1' }, actor('alice', 'red'));
	await bench.do('project.create', createProject, { project: 'other' });

	const clock = new FakeClock();
	const { store } = bench;
	const url = `http://127.0.0.1:${listening.port}/nodes`;
	const announcer = createAnnouncer({ store, url, clock, logger: silentLogger });
	t.teardown(() => announcer.close());
	announcer.wake();
	await announcer.idle();
	t.is((await store.read(tx => tx.list(announcements))).length, 1, 'it did not hear');
	status = 204;
	clock.advance(10_000);
	await announcer.idle();
	t.deepEqual(told, ['POST application/json {"node":"n1"}', 'POST application/json {"node":"n1"}']);
	t.is((await store.read(tx => tx.list(announcements))).length, 0);
});
