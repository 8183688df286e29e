// WebSockets to a BMC over TLS: its certificate is checked as for requests, and a session that it forgot is renewed.
import test from 'ava';
import { FakeClock, systemClock } from '../../common/clock.ts';
import { createAuthority, issueServerCertificate } from '../../common/identity/site-ca.ts';
import { startBmc } from '../../qemu/bmc/bmc.ts';
import { connectBmc } from './bmc-connection.ts';

const limits = { timeout: 10_000, answer: 1024 * 1024, connections: 2 };

test('only the BMC of the authority, and a console that it has', async t => {
	const clock = systemClock;
	const authority = await createAuthority({ name: 'site', clock });
	const other = await createAuthority({ name: 'other', clock });
	const own = await issueServerCertificate({ authority, names: [], addresses: ['127.0.0.1'], clock });
	const bmc = await startBmc({
		name: 'node1',
		clock: new FakeClock(),
		tls: { key: own.keyPem, cert: own.certificatePem },
		accounts: [{ name: 'root', password: 'Pass-word1', role: 'Administrator' }],
	});
	t.teardown(() => bmc.close());
	const target = {
		name: 'node1',
		rack: 'rack1',
		url: bmc.url,
		ca: authority.certificatePem,
		fingerprint: undefined,
		identity: undefined,
		username: 'root',
		password: 'Pass-word1',
	};
	const connection = connectBmc(target, limits);
	t.teardown(() => connection.close());
	const shown = async (): Promise<string> => {
		const socket = await connection.openSocket('/console0');
		const came = new Promise<string>(resolve =>
			socket.once('message', data => resolve((data as Buffer).toString())),
		);
		socket.resume();
		socket.send('\r');
		const text = await came;
		socket.terminate();
		return text;
	};
	t.is(await shown(), '\r\n');
	// The BMC forgets its sessions: the proxy logs in again, once.
	await connection.send({
		method: 'DELETE',
		target: connection.session() ?? '',
		headers: {},
		body: undefined,
	});
	t.is(await shown(), '\r\n');
	await t.throwsAsync(connection.openSocket('/kvm/7'), { code: 'ConsoleRefused', message: /answered 404/ });

	const misled = connectBmc({ ...target, ca: other.certificatePem }, limits);
	t.teardown(() => misled.close());
	await t.throwsAsync(misled.openSocket('/console0'), { code: 'BmcUnreachable' });
	const pinned = connectBmc({ ...target, ca: undefined, fingerprint: '0'.repeat(64) }, limits);
	t.teardown(() => pinned.close());
	await t.throwsAsync(pinned.openSocket('/console0'), { code: 'BmcUnreachable' });
});
