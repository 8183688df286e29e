import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import type { BoardProgram } from '../firmware/board-program.ts';

const run = promisify(execFile);
const layer = fileURLToPath(new URL('meta-bimetal', import.meta.url));
const archive = 'recipes-bimetal/bimetal-proxy/files/program.tar.gz';

export interface WrittenLayer {
	readonly folder: string;
	/** Of the archive with the program. */
	readonly sha256: string;
	/** Bytes: packed, and in the image before its file system packs it. */
	readonly packed: number;
	readonly unpacked: number;
}

/**
 * Writes the Yocto layer of docs/deploying-on-openbmc.md, with the program that its recipe installs, into a folder that
 * is not there yet. The same program gives the same bytes. Throws LayerRefused.
 */
export async function writeLayer(folder: string, program: BoardProgram): Promise<WrittenLayer> {
	const isThere = await stat(folder).then(
		() => true,
		() => false,
	);
	if (isThere)
		throw new BimetalError('LayerRefused', `${folder} is there already`, { status: 400, expose: true });
	const work = await mkdtemp(path.join(tmpdir(), 'bimetal-layer-'));
	try {
		const unpacked = path.join(work, 'program');
		for (const [name, content] of Object.entries(program.files)) {
			await mkdir(path.dirname(path.join(unpacked, name)), { recursive: true });
			await writeFile(path.join(unpacked, name), content);
		}
		const made = path.join(work, 'layer');
		await cp(layer, made, { recursive: true });
		const order = [
			'--sort=name',
			'--mtime=@0',
			'--owner=0',
			'--group=0',
			'--numeric-owner',
			'--mode=u=rwX,go=rX',
		];
		await run('tar', [
			...order,
			'-C',
			unpacked,
			'--use-compress-program=gzip -n9',
			'-cf',
			path.join(made, archive),
			'.',
		]);
		await cp(made, folder, { recursive: true, errorOnExist: true, force: false });
		const packed = await readFile(path.join(folder, archive));
		return {
			folder,
			sha256: createHash('sha256').update(packed).digest('hex'),
			packed: packed.length,
			unpacked: program.size,
		};
	} finally {
		await rm(work, { recursive: true, force: true });
	}
}
