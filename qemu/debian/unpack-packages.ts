import { execFile, spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { findProgram } from '../../common/processes/programs.ts';

const run = promisify(execFile);

/**
 * Unpacks packages into a folder without running their scripts; with `paths` (tar patterns such as `./boot/*`) only
 * what fits. Throws PartMissing, UnpackFailed.
 */
export async function unpackPackages(
	debs: readonly string[],
	folder: string,
	paths?: readonly string[],
): Promise<void> {
	await mkdir(folder, { recursive: true });
	const dpkg = await findProgram('dpkg-deb');
	for (const deb of debs) {
		if (paths === undefined) {
			await run(dpkg, ['--extract', deb, folder]).catch(cause => {
				throw new BimetalError('UnpackFailed', `${deb} cannot be unpacked`, { cause });
			});
		} else await unpackSome(dpkg, deb, folder, paths);
	}
}

async function unpackSome(
	dpkg: string,
	deb: string,
	folder: string,
	paths: readonly string[],
): Promise<void> {
	const list = spawn(dpkg, ['--fsys-tarfile', deb], { stdio: ['ignore', 'pipe', 'pipe'] });
	const patterns = paths.map(pattern => (pattern.startsWith('./') ? pattern : `./${pattern}`));
	const tar = spawn(
		'tar',
		['--extract', '--file=-', `--directory=${folder}`, '--wildcards', '--no-same-owner', ...patterns],
		{ stdio: ['pipe', 'ignore', 'pipe'] },
	);
	let said = '';
	for (const { stderr } of [list, tar]) {
		stderr.on('data', (bytes: Buffer) => {
			said += bytes.toString();
		});
	}
	list.stdout.pipe(tar.stdin);
	tar.stdin.on('error', () => undefined);
	const [listed, unpacked] = await Promise.all(
		[list, tar].map(child => new Promise<number | null>(resolve => child.once('close', resolve))),
	);
	// tar ends with 2 when a pattern fits nothing in this package, which is how most packages are.
	const missesOnly = said
		.split('\n')
		.every(line => line === '' || /Not found in archive|Exiting with failure status/.test(line));
	if (listed !== 0 || (unpacked !== 0 && !missesOnly))
		throw new BimetalError('UnpackFailed', `${deb} cannot be unpacked: ${said.trim()}`);
}
