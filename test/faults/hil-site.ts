import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { password } from './moved-node.ts';

/** Writes what hil needs into a folder; the paths of its site file and of its store. */
export async function writeHilSite(folder: string): Promise<{ config: string; store: string }> {
	const config = path.join(folder, 'hil.yaml');
	await writeFile(path.join(folder, 'password'), password, { mode: 0o600 });
	await writeFile(
		config,
		[
			'store: { file: hil.db }',
			'listen: { port: 0 }',
			'vlans: 100-101',
			'admin: { username: root, password: password }',
			'driftChecks: { every: off }',
			'',
		].join('\n'),
	);
	return { config, store: path.join(folder, 'hil.db') };
}
