import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** A Debian package that tests need. */
export interface Part {
	readonly name: string;
	readonly here: boolean;
}

/** The packages of the list beside this file, and which of them this machine has. */
export function debianParts(): Part[] {
	const names = readFileSync(new URL('packages', import.meta.url), 'utf8')
		.split('\n')
		.map(line => line.replace(/#.*/, '').trim())
		.filter(name => name !== '');
	// It exits with 1 when one is unknown, and is not there at all outside Debian: then nothing counts as here.
	const format = ['--showformat=$', '{Package} $', '{db:Status-Status}\\n'].join('');
	const query = spawnSync('dpkg-query', ['--show', format, ...names], { encoding: 'utf8' });
	const installed = new Set((query.stdout ?? '').split('\n'));
	return names.map(name => ({ name, here: installed.has(`${name} installed`) }));
}
