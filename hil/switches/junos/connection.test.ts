import test from 'ava';
import { xml } from '../netconf/xml.ts';
import { parseKnownHosts } from '../transport/known-hosts.ts';
import { createConnection } from './connection.ts';
import { startJunosSimulator } from './simulator/simulator.fixture.ts';

test('a session that was lost does not go on in another one, whenever that is noticed', async t => {
	const simulator = await startJunosSimulator();
	t.teardown(simulator.close);
	const { ssh, username, password, seen } = simulator;
	const connection = createConnection({
		host: '127.0.0.1',
		port: ssh.port,
		username,
		password,
		knownHosts: parseKnownHosts(ssh.knownHostsLine),
	});
	t.teardown(() => connection.close());
	const { signal } = new AbortController();
	const session = await connection.session(signal);
	t.true(session.isOpen);
	await session.order(xml('lock', [xml('target', [xml('candidate')])]));
	ssh.cut();
	while (session.isOpen) await new Promise(resolve => setImmediate(resolve));
	const edit = await t.throwsAsync(session.ask(xml('commit')));
	t.is((edit as { code?: string } | undefined)?.code, 'SwitchAway');
	t.deepEqual(seen, ['lock']);
	const another = await connection.session(signal);
	t.not(another, session);
	await another.order(xml('lock', [xml('target', [xml('candidate')])]));
});
