// The airlock's agent, without a machine: a TPM that we did not write, and registrar and verifier as they are.
import { spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import net from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import { keyFingerprint } from '../../attest/certificates/fingerprint.ts';
import { startSoftwareTpm } from '../../attest/tpm/software-tpm.fixture.ts';
import { systemClock } from '../../common/clock.ts';
import { createAuthority, issueServerCertificate } from '../../common/identity/site-ca.ts';
import { testNeeding } from '../../test/debian/test-needing.ts';
import { startAttestation } from '../../test/system/attestation.ts';
import { tpmTools } from '../image/tpm-programs.ts';
import { createConsoleLog } from '../machine/console-log.ts';

const test = testNeeding('swtpm', 'swtpm-tools', 'tpm2-tools', 'gnutls-bin', 'openssl', 'busybox-static');
const agent = fileURLToPath(new URL('system/agent', import.meta.url));
/** Milliseconds. */
const limit = 60_000;
/** The airlock's, and that of Debian with systemd. */
const shells = [['busybox', 'sh'], ['dash']] as const;

/** Runs it until the test is over. */
async function startAgent(
	t: ExecutionContext,
	of: { shell: readonly string[]; folder: string; url: string; authorities: string; env: NodeJS.ProcessEnv },
) {
	const place = await mkdtemp(path.join(of.folder, 'agent-'));
	const at = (name: string) => path.join(place, name);
	await writeFile(at('services'), `registrar=${of.url}\nverifier=${of.url}\n`);
	await writeFile(at('authorities.pem'), of.authorities);
	// There is no resource manager here that would take away what they have loaded.
	for (const tool of tpmTools)
		await writeFile(
			at(`tpm2_${tool}`),
			`#!/bin/sh\n/usr/bin/tpm2_${tool} "$@"\ncode=$?\n/usr/bin/tpm2_flushcontext -t\nexit $code\n`,
			{ mode: 0o700 },
		);
	const said = createConsoleLog();
	const [shell = '', ...args] = of.shell;
	const child = spawn(shell, [...args, agent], {
		env: {
			...{ ...of.env, node: 'node1', services: at('services'), authority: at('authorities.pem') },
			...{ work: at('work'), admitted: '/nonexistent', PATH: `${at('.')}:${process.env.PATH}` },
		},
		stdio: ['ignore', 'pipe', 'pipe'],
		// With what it starts.
		detached: true,
	});
	child.stdout.on('data', (bytes: Buffer) => said.add(bytes));
	child.stderr.on('data', (bytes: Buffer) => said.add(bytes));
	const ended = new Promise<void>(resolve => child.once('close', () => resolve()));
	const stop = async () => {
		if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
			process.kill(-child.pid, 'SIGTERM');
		await ended;
	};
	t.teardown(stop);
	return { says: (words: RegExp) => said.waitFor(words, limit), stop };
}

/** Passes connections on to a port of loopback, and counts them. */
async function startCounter(t: ExecutionContext, port: number) {
	const open = new Set<net.Socket>();
	let count = 0;
	const server = net.createServer(socket => {
		count++;
		const onward = net.connect(port, '127.0.0.1');
		for (const [from, to] of [
			[socket, onward],
			[onward, socket],
		] as const) {
			open.add(from);
			from.on('error', () => to.destroy());
			from.on('close', () => {
				open.delete(from);
				to.destroy();
			});
			from.pipe(to);
		}
	});
	await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
	const cut = () => {
		for (const socket of open) socket.destroy();
	};
	t.teardown(() => {
		server.close();
		cut();
	});
	return { url: `https://127.0.0.1:${(server.address() as net.AddressInfo).port}`, count: () => count, cut };
}

for (const shell of shells)
	test(`a node is admitted over one connection, and makes another when that is cut (${shell[0]})`, async t => {
		t.timeout(2 * limit);
		const tpm = await startSoftwareTpm(t);
		const roots = ['ca/swtpm-localca-rootca-cert.pem', 'ca/issuercert.pem'].map(file =>
			path.join(tpm.folder, file),
		);
		const address = '127.0.0.1';
		const { registrar, verifier, port, authorities } = await startAttestation(t, {
			...{ folder: tpm.folder, roots, address },
		});
		const counter = await startCounter(t, port);
		const certificate = new X509Certificate(await tpm.ekCertificate('rsa'));
		await registrar.enrol('node1', keyFingerprint(certificate.publicKey));
		await verifier.admit({ node: 'node1', project: 'red', learn: true });
		const { env, folder } = tpm;
		const { says } = await startAgent(t, { shell, folder, url: counter.url, authorities, env });
		await says(/registered as/);
		await says(/airlock: learnt/);
		t.is(counter.count(), 1);
		counter.cut();
		await verifier.admit({ node: 'node1', project: 'red', learn: true });
		await says(/registered as/);
		await says(/airlock: learnt/);
		t.is(counter.count(), 2);
	});

test('an agent tells nothing to a server that it cannot trust, and says why', async t => {
	t.timeout(4 * limit);
	const tpm = await startSoftwareTpm(t);
	const [authority, stranger] = [
		await createAuthority({ name: 'site', clock: systemClock }),
		await createAuthority({ name: 'site', clock: systemClock }),
	];
	const start = async (issuer: typeof authority, address: string) => {
		const [names, clock] = [['attest'], systemClock];
		const own = await issueServerCertificate({ authority: issuer, names, addresses: [address], clock });
		let requests = 0;
		const server = createServer({ cert: own.certificatePem, key: own.keyPem }, (_, response) => {
			requests++;
			response.writeHead(403).end('{"code":"Told","detail":"everything"}');
		});
		await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
		t.teardown(() => {
			server.close();
			server.closeAllConnections();
		});
		return {
			url: `https://127.0.0.1:${(server.address() as net.AddressInfo).port}`,
			requests: () => requests,
		};
	};
	const own = await start(authority, '127.0.0.1');
	const { env, folder } = tpm;
	const authorities = authority.certificatePem;
	for (const [shell, server, words] of [
		[shells[0], own, /not registered: 403 Told: everything/],
		[shells[0], await start(stranger, '127.0.0.1'), /not registered: nobody answers at \S+: its certificate/],
		[shells[1], await start(stranger, '127.0.0.1'), /not registered: nobody answers at \S+: its certificate/],
		[shells[0], await start(authority, '10.9.0.1'), /certificate is not trusted, IP address mismatch/],
		[shells[1], await start(authority, '10.9.0.1'), /certificate is not trusted, IP address mismatch/],
	] as const) {
		const { says, stop } = await startAgent(t, { shell, folder, url: server.url, authorities, env });
		await says(words);
		await stop();
		t.is(server.requests() > 0, server === own);
	}
});
