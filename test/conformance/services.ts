import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { FakeClock } from '../../common/clock.ts';
import { createAuthority, issueServerCertificate } from '../../common/identity/site-ca.ts';
import { loadPolicies } from '../../proxy/policy/load-policies.ts';
import type { PolicySet } from '../../proxy/policy/policy-set.ts';
import { startBmc } from '../../qemu/bmc/bmc.ts';
import { createAsk, type Identified } from '../proxy/ask.ts';
import { follow } from '../proxy/follow.ts';
import { bmcPassword, parties, startTestProxy } from '../proxy/start-proxy.ts';
import type { Resource, Service } from './rule.ts';

/** The emulated BMC by itself, and the proxy with one behind it; both over TLS, each with a tree of its own. */
export async function startServices(): Promise<{ services: readonly Service[]; close(): Promise<void> }> {
	const clock = new FakeClock(Date.now());
	const authority = await createAuthority({ name: 'direct', clock });
	const certificate = await issueServerCertificate({
		authority,
		names: ['localhost'],
		addresses: ['127.0.0.1'],
		clock,
	});
	const bmc = await startBmc({
		name: 'direct',
		tls: { cert: certificate.certificatePem, key: certificate.keyPem },
		accounts: [{ name: 'root', password: bmcPassword, role: 'Administrator' }],
		clock,
		failedLoginDelayMs: 0,
	});
	const proxy = await startTestProxy({
		policies: await loadOpenPolicies(),
		destinations: { HSO: [{ host: 'localhost', networks: ['127.0.0.0/8'], ports: [9], security: 'https' }] },
	});
	const direct = serviceOf('bmc', {
		base: bmc.url,
		ca: authority.certificatePem,
		clock,
		account: { UserName: 'root', Password: bmcPassword },
	});
	const behind = serviceOf('proxy', {
		base: proxy.bmcUrls.node1 ?? '',
		ca: proxy.ca,
		clock: proxy.clock,
		account: { UserName: 'hso-operator', Password: 'pw-hso-operator' },
	});
	return {
		services: [direct, behind],
		async close() {
			direct.close();
			behind.close();
			await proxy.close();
			await bmc.close();
		},
	};
}

/** The shipped table with every operation open to each party: what is looked at here is the protocol. */
async function loadOpenPolicies(): Promise<PolicySet> {
	const shipped = path.join(import.meta.dirname, '../../policies/operations.yaml');
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-conformance-'));
	try {
		const table = (await readFile(shipped, 'utf8')).replace(/^( {2}p2c: ).*$/gm, '$1HSO or CP');
		await writeFile(path.join(folder, 'operations.yaml'), table);
		return await loadPolicies({ folder, parties: [...parties], externalSources: [] });
	} finally {
		await rm(folder, { recursive: true });
	}
}

interface Where {
	/** Origin. */
	readonly base: string;
	readonly ca: string;
	readonly clock: FakeClock;
	readonly account: Service['account'];
}

function serviceOf(name: Service['name'], { base, ca, clock, account }: Where): Service & { close(): void } {
	const asker = createAsk(base, ca);
	const admin: Identified = { name: account.UserName, password: account.Password };
	const ask: Service['ask'] = (method, target, options) => asker.ask(admin, method, target, options);
	let known: Promise<readonly Resource[]> | undefined;
	return {
		name,
		account,
		ask,
		askAsNobody: (method, target, options) => asker.ask(null, method, target, options),
		askWith: (token, method, target, options) => asker.ask({ token }, method, target, options),
		send: bytes => sendBytes(base, ca, bytes),
		follow: target => follow(base + target, { ca, headers: basic(account) }),
		tree() {
			known ??= crawl(ask);
			return known;
		},
		tlsVersion: () => versionOf(base, ca),
		pass: ms => clock.advance(ms),
		close: () => asker.close(),
	};
}

const basic = ({ UserName, Password }: Service['account']): Record<string, string> => ({
	authorization: `Basic ${Buffer.from(`${UserName}:${Password}`).toString('base64')}`,
});

async function crawl(ask: Service['ask']): Promise<readonly Resource[]> {
	const paths = new Set(['/redfish/v1']);
	const found: Resource[] = [];
	for (const resource of paths) {
		const reply = await ask('GET', resource);
		if (reply.status !== 200) throw new Error(`${resource} is linked to and answers ${reply.status}`);
		found.push({ path: resource, reply });
		for (const [, link = ''] of reply.text.matchAll(/"@odata\.id": ?"([^"#]+)"/g)) paths.add(link);
	}
	return found;
}

const connectTo = (base: string, ca: string): tls.TLSSocket => {
	const { hostname, port } = new URL(base);
	return tls.connect({ host: hostname, port: Number(port), ca });
};

function sendBytes(base: string, ca: string, bytes: string): Promise<string> {
	return new Promise((resolve, reject) => {
		const socket = connectTo(base, ca);
		let text = '';
		socket.setEncoding('latin1');
		socket.on('data', (piece: string) => {
			text += piece;
			if (text.includes('\r\n\r\n')) socket.destroy();
		});
		socket.on('error', reject);
		socket.on('close', () => resolve(text));
		socket.write(bytes);
	});
}

function versionOf(base: string, ca: string): Promise<string | null> {
	return new Promise((resolve, reject) => {
		const socket = connectTo(base, ca);
		socket.on('error', reject);
		socket.on('secureConnect', () => {
			resolve(socket.getProtocol());
			socket.destroy();
		});
	});
}
