// Images of 64 MB through the real proxy in a process of its own, five at once: it must hold none of them in memory,
// neither on their way in nor on their way out, and what arrives must be what was sent.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { stringify } from 'yaml';
import { startBmc } from '../../qemu/bmc/bmc.ts';
import { testImage } from '../../qemu/bmc/test-image.ts';
import { createTestTls, writeSiteFolder } from '../site-folder.ts';

const size = 64 * 1024 * 1024;
/** MiB more than before, for one image and for five at once; and at the end of all than when it was idle. */
const bounds = { one: 24, several: 40, all: 64 };
const launcher = fileURLToPath(new URL('../../cli/bimetal.mjs', import.meta.url));
const header = testImage(512);
const block = Buffer.alloc(64 * 1024);

/** An image in pieces, so that the test itself holds none; `fill` tells one from another. */
function* pieces(fill: number): Generator<Buffer> {
	yield header;
	for (let left = size - header.length; left > 0; left -= block.length)
		yield Buffer.alloc(Math.min(left, block.length), fill);
}

interface Sent {
	readonly status: number;
	readonly json: { readonly Id: string; readonly digest: string; readonly state: string };
}

/** Memory in MiB of a process, from /proc: now, or at most since it was last reset. */
async function memory(pid: number, what: 'VmRSS' | 'VmHWM'): Promise<number> {
	const status = await readFile(`/proc/${pid}/status`, 'utf8');
	return Number(new RegExp(`^${what}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024;
}

test('64 MB images pass at constant memory, several at once', async t => {
	t.timeout(120_000);
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-upload-'));
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	const tls = await createTestTls();
	const password = 'the-BMCs-own-password1';
	const bmc = await startBmc({
		name: 'node1',
		tls: { key: tls.server.keyPem, cert: tls.server.certificatePem },
		accounts: [{ name: 'root', password, role: 'Administrator' }],
		maxImageBytes: size + 1024 * 1024,
	});
	t.teardown(() => bmc.close());
	const { config, operators } = await writeSiteFolder(folder, {
		tls,
		bmcs: { node1: { url: bmc.url, password } },
		policies: {
			'operations.yaml': stringify([
				{
					type: 'Operation',
					operation: 'Update firmware',
					description: 'Upload an image',
					match: 'POST /redfish/v1/UpdateService/update',
					p2c: 'HSO and CP',
				},
				{
					type: 'Data',
					operation: 'Read',
					description: 'Read',
					match: 'GET /redfish/v1/**',
					p2c: 'HSO or CP',
				},
			]),
		},
	});
	const child = spawn(process.execPath, [launcher, 'proxy', '-c', config], {
		stdio: ['ignore', 'pipe', 'pipe'],
	});
	let said = '';
	child.stderr.on('data', (text: Buffer) => {
		said += text;
	});
	t.teardown(async () => {
		child.kill('SIGTERM');
		if (child.exitCode === null) await once(child, 'exit');
	});
	const url = await new Promise<string>((resolve, reject) => {
		createInterface(child.stdout).on('line', line => {
			said += `${line}\n`;
			const { url: main } = JSON.parse(line) as { url?: string };
			if (main) resolve(main);
		});
		child.once('exit', () => reject(new Error(`the proxy ended: ${said}`)));
	});
	// The launcher hands over to a process of its own.
	const children = await readFile(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8');
	const pid = Number(children.trim().split(' ')[0] || child.pid);

	const ask = (
		who: 0 | 1,
		method: string,
		target: string,
		body?: { type: string; pieces: Iterable<Buffer>; length: number },
	) =>
		new Promise<Sent>((resolve, reject) => {
			const { name = '', password: secret = '' } = operators[who] ?? {};
			const sent = request(
				`${url}${target}`,
				{
					method,
					ca: tls.ca,
					agent: false,
					auth: `${name}:${secret}`,
					headers: body ? { 'content-type': body.type, 'content-length': body.length } : {},
				},
				response => {
					let text = '';
					response.setEncoding('utf8').on('data', (piece: string) => {
						text += piece;
					});
					response.on('end', () =>
						resolve({ status: response.statusCode ?? 0, json: JSON.parse(text || '{}') }),
					);
				},
			);
			sent.on('error', reject);
			const write = async () => {
				for (const piece of body?.pieces ?? []) if (!sent.write(piece)) await once(sent, 'drain');
				sent.end();
			};
			write().catch(reject);
		});
	const json = (value: unknown) => {
		const bytes = Buffer.from(JSON.stringify(value));
		return { type: 'application/json', pieces: [bytes], length: bytes.length };
	};
	const upload = (fill: number) =>
		ask(0, 'POST', '/bmc/node1/redfish/v1/UpdateService/update', {
			type: 'application/octet-stream',
			pieces: pieces(fill),
			length: size,
		});

	// What the process needs for any request at all is there before it is measured.
	await ask(0, 'GET', '/bmc/node1/redfish/v1/UpdateService');
	await ask(1, 'GET', '/p2c/v1/requests');
	const idle = await memory(pid, 'VmRSS');
	const grown = async (work: () => Promise<void>): Promise<number> => {
		await writeFile(`/proc/${pid}/clear_refs`, '5');
		const before = await memory(pid, 'VmRSS');
		await work();
		return (await memory(pid, 'VmHWM')) - before;
	};

	const fills = [1, 2, 3, 4, 5, 6];
	const held: Sent[] = [];
	const receive = (some: readonly number[]) =>
		grown(async () => void held.push(...(await Promise.all(some.map(upload)))));
	const send = (some: readonly Sent[]) =>
		grown(async () => {
			for (const done of await Promise.all(some.map(approve))) t.is(done.json.state, 'executed', said);
		});
	const approve = async ({ json: { Id: id } }: Sent) => {
		const { digest } = (await ask(1, 'GET', `/p2c/v1/requests/${id}`)).json;
		return ask(1, 'POST', `/p2c/v1/requests/${id}/approve`, json({ digest }));
	};
	const measured = {
		'receiving one': await receive(fills.slice(0, 1)),
		'receiving several': await receive(fills.slice(1)),
		'sending one': await send(held.slice(0, 1)),
		'sending several': await send(held.slice(1)),
	};
	t.deepEqual(
		held.map(({ status }) => status),
		fills.map(() => 202),
		said,
	);
	const expected = fills.map(fill => {
		const hash = createHash('sha256');
		for (const piece of pieces(fill)) hash.update(piece);
		return hash.digest('hex');
	});
	const arrived = bmc.executed.flatMap(({ image }) => (image ? [image.sha256] : []));
	t.deepEqual(arrived.sort(), expected.sort());
	t.log(`idle ${idle.toFixed(0)} MiB; 64 MiB images, ${fills.length - 1} at once`);
	const all = (await memory(pid, 'VmRSS')) - idle;
	for (const [what, by] of Object.entries({ ...measured, 'after all': all }))
		t.log(`${what}: +${by.toFixed(1)} MiB`);
	for (const [what, by] of Object.entries(measured))
		t.true(by < (what.endsWith('one') ? bounds.one : bounds.several), `${what}: ${by} MiB more`);
	t.true(all < bounds.all, `${all} MiB over idle after all`);
});
