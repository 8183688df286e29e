import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { findChildren } from '../../common/processes/children.ts';
import { writeTestDisk } from '../server/test-sector.ts';
import { type RackFolders, rackFolders } from './rack-folders.ts';

export interface RackForTest {
	/** A rack file of two small servers which boot test-sector.s, with a NIC each. */
	readonly text: string;
	readonly file: string;
	readonly state: string;
	readonly folders: RackFolders;
	readonly env: Readonly<Record<string, string>>;
}

/** Folders for a rack of the test's own, which must have left no process when the test has ended. */
export async function rackForTest(t: ExecutionContext, name = 'trial'): Promise<RackForTest> {
	const folder = await mkdtemp(join(tmpdir(), 'bm-rack-'));
	const image = join(folder, 'sector.img');
	await writeTestDisk(image, 'H');
	const env = { XDG_RUNTIME_DIR: folder, HOME: folder };
	const state = join(folder, 'state');
	const folders = rackFolders(name, { state, cwd: '/', env });
	t.teardown(async () => {
		const left = await findChildren(folders.run);
		// A test that has failed leaves the machine as it found it.
		for (const { pid } of left) process.kill(pid, 'SIGKILL');
		await rm(folder, { recursive: true, force: true });
		if (left.length > 0) throw new Error(`left over: ${left.map(({ command }) => command).join('; ')}`);
	});
	const text = [
		`name: ${name}`,
		'nodes:',
		'  - { name: a, nics: [{ vlan: 10 }] }',
		'  - { name: b, serial: X1-0002, nics: [02:00:00:00:00:0b, { vlan: 20 }] }',
		`server: { memory: 64MiB, firmware: bios, disk: ${image} }`,
		// Whether KVM works is another test's.
		'accelerator: tcg',
		'',
	].join('\n');
	return { text, file: join(folder, 'rack.yaml'), state, folders, env };
}

/** GET of a BMC, or of the PDU, whose certificate must be the rack's; with a body, POST. */
export async function askOf(
	caFile: string,
	at: { readonly url: string; readonly username: string; readonly password: string },
	path: string,
	body?: object,
): Promise<{ status: number; body: Record<string, unknown> }> {
	const agent = new Agent({ ca: await readFile(caFile, 'utf8') });
	try {
		return await new Promise((resolve, reject) => {
			const options = {
				agent,
				auth: `${at.username}:${at.password}`,
				method: body ? 'POST' : 'GET',
				headers: body ? { 'content-type': 'application/json' } : {},
			};
			request(`${at.url}${path}`, options, response => {
				let text = '';
				response.setEncoding('utf8').on('data', (piece: string) => {
					text += piece;
				});
				response.on('end', () =>
					resolve({ status: response.statusCode ?? 0, body: text === '' ? {} : JSON.parse(text) }),
				);
			})
				.on('error', reject)
				.end(body && JSON.stringify(body));
		});
	} finally {
		agent.destroy();
	}
}
