import { type ChildProcess, spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { connect } from 'node:tls';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import { findChildren } from '../../common/processes/children.ts';
import { memoryByFolder } from '../../qemu/rack/process-memory.ts';
import { readRackFile } from '../../qemu/rack/rack-file.ts';
import { type RackFolders, rackFolders } from '../../qemu/rack/rack-folders.ts';
import { planRack } from '../../qemu/rack/rack-plan.ts';
import type { VirtualNode } from '../../qemu/rack/virtual-node.ts';
import { startVirtualRack, type VirtualRack } from '../../qemu/rack/virtual-rack.ts';
import { type Ask, createAsk } from '../proxy/ask.ts';
import { runProgram } from '../run-program.ts';
import { createTestTls, type SiteFolder, writeSiteFolder } from '../site-folder.ts';

const launcher = fileURLToPath(new URL('../../cli/bimetal.mjs', import.meta.url));
const shippedPolicies = fileURLToPath(new URL('../../policies', import.meta.url));

/** A rack of virtual servers that boot Linux, and `bimetal proxy -c site.yaml` in front of it. */
export interface RackSite {
	readonly rack: VirtualRack;
	/** The proxy's main port. */
	readonly url: string;
	readonly ca: string;
	/** As the operator of a party, at the proxy. */
	readonly as: (party: 'HSO' | 'CP') => (...args: ArgumentsAfter<Ask>) => ReturnType<Ask>;
	readonly operators: SiteFolder['operators'];
	/** All that a server has written on its serial port in all its boots. */
	consoleOf(name: string): Promise<string>;
	/** Bytes that all machines take now. */
	memory(): Promise<number>;
}

type ArgumentsAfter<F> = F extends (first: never, ...rest: infer R) => unknown ? R : never;

/**
 * Starts a rack, enrols its BMCs by `bimetal bmc enrol`, boots all servers, and starts the proxy as a process of its own. Whatever it starts ends with the test, which fails when something is left.
 * @param rackFile what stands in rack.yaml beside the name
 */
export async function startRackSite(t: ExecutionContext, rackFile: string): Promise<RackSite> {
	const folder = await mkdtemp(path.join(tmpdir(), 'bm-site-'));
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	const file = path.join(folder, 'rack.yaml');
	const folders = rackFolders('trial', {
		state: path.join(folder, 'rack'),
		cwd: folder,
		env: { XDG_RUNTIME_DIR: folder },
	});
	const rack = await startVirtualRack({
		plan: planRack(readRackFile(file, `name: trial\n${rackFile}\n`)),
		folders,
	});
	t.teardown(() => endRack(rack, folders));

	const tls = await createTestTls();
	const siteFolder = path.join(folder, 'site');
	await mkdir(siteFolder);
	await writeFile(path.join(siteFolder, 'pdu.password'), rack.pduCredential.password, { mode: 0o600 });
	const site = await writeSiteFolder(siteFolder, {
		tls,
		bmcs: {},
		policies: shippedPolicies,
		external: {
			Servers: {
				from: 'redfish',
				path: '/redfish/v1/Systems/system',
				fields: {
					Name: { target: true },
					State: { path: '$.PowerState', values: { On: 'Up' }, otherwise: 'Down' },
				},
				whenUnreachable: { State: 'Down' },
				maxAge: '5s',
				timeout: '5s',
			},
			PDU: {
				from: 'http',
				url: `${rack.pdu.url}/redfish/v1/PowerEquipment/RackPDUs/1/Outlets?$expand=.`,
				ca: rack.caFile,
				credentials: { username: rack.pduCredential.username, password: 'pdu.password' },
				each: '$.Members[*]',
				under: 'Outlets',
				fields: { Id: '$.Id', Power: { path: '$.PowerWatts.Reading', type: 'number', unit: 'W' } },
				maxAge: '5s',
				timeout: '5s',
			},
		},
		// The machines have the processors that the BMCs would answer with.
		limits: { bmcTimeout: '60s' },
	});
	await enrolAll(rack, site.config, folder);
	await rack.switchOn();
	const url = await startDaemon(t, site.config);
	const asker = createAsk(url, tls.ca);
	t.teardown(() => asker.close());
	return {
		rack,
		url,
		ca: tls.ca,
		operators: site.operators,
		as(party) {
			const operator = site.operators.find(candidate => candidate.party === party);
			if (!operator) throw new Error(`nobody of ${party}`);
			return (...args) => asker.ask(operator, ...args);
		},
		async consoleOf(name) {
			const node = rack.nodes.find(candidate => candidate.name === name);
			return node ? readFile(node.consoleFile, 'latin1') : '';
		},
		async memory() {
			const byFolder = await memoryByFolder(folders.run);
			return rack.nodes.reduce((sum, { folder: own }) => sum + (byFolder.get(own) ?? 0), 0);
		},
	};
}

/** By the command line, as one does at the console of the proxy's host, one BMC after the other. */
async function enrolAll(rack: VirtualRack, siteFile: string, folder: string): Promise<void> {
	const passwordFile = path.join(folder, 'as-delivered');
	for (const { name, bmc, credential } of rack.nodes) {
		await writeFile(passwordFile, credential.password, { mode: 0o600 });
		const { code, stderr } = await runProgram(process.execPath, [
			...[launcher, 'bmc', 'enrol', name, '--site', siteFile, '--rack', 'rack1'],
			...['--url', bmc.url, '--username', credential.username, '--password-file', passwordFile],
			...['--fingerprint', await fingerprintOf(bmc)],
		]);
		if (code !== 0) throw new Error(`${name} was not enrolled: ${stderr}`);
	}
}

async function fingerprintOf({ port }: VirtualNode['bmc']): Promise<string> {
	const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
	try {
		await once(socket, 'secureConnect');
		return new X509Certificate(socket.getPeerCertificate().raw).fingerprint256.replaceAll(':', '');
	} finally {
		socket.destroy();
	}
}

/** The proxy's main port, once it listens. */
async function startDaemon(t: ExecutionContext, config: string): Promise<string> {
	const child: ChildProcess = spawn(process.execPath, [launcher, 'proxy', '-c', config], {
		stdio: ['ignore', 'pipe', 'pipe'],
	});
	const exited = once(child, 'exit');
	if (!child.stdout || !child.stderr) throw new Error('no pipes');
	let said = '';
	child.stderr.on('data', (text: Buffer) => {
		said += text;
	});
	t.teardown(async () => {
		child.kill('SIGTERM');
		const [code] = await exited;
		if (code !== 0) throw new Error(`the proxy ended with ${code}: ${said}`);
	});
	const lines = createInterface(child.stdout);
	return new Promise<string>((resolve, reject) => {
		lines.on('line', line => {
			said += `${line}\n`;
			const { msg, url } = JSON.parse(line) as { msg?: string; url?: string };
			if (msg === 'the proxy listens' && url) resolve(url);
		});
		void exited.then(() => reject(new Error(`the proxy ended: ${said}`)));
	});
}

async function endRack(rack: VirtualRack, { run }: RackFolders): Promise<void> {
	await rack.close();
	const left = await findChildren(run);
	if (left.length > 0) throw new Error(`left over: ${left.map(({ command }) => command)}`);
}
