import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleProgram } from '../../qemu/firmware/board-program.ts';
import { writeLayer } from '../../qemu/openbmc/write-layer.ts';
import type { CliContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { printFields, printJson } from '../output.ts';
import { visible } from '../visible.ts';

const entry = fileURLToPath(new URL('../main.ts', import.meta.url));
const manifest = fileURLToPath(new URL('../../package.json', import.meta.url));
const kibibytes = (bytes: number): string => `${Math.round(bytes / 1024)} KiB`;

/** `bimetal qemu layer`: the whole command line, bundled, as a BMC is to have it. */
export async function layer(
	context: CliContext,
	options: { readonly out: string; readonly json?: boolean },
): Promise<number> {
	const program = await bundleProgram(entry, manifest);
	const written = await writeLayer(path.resolve(context.cwd, options.out), program);
	if (options.json) printJson(context, written);
	else
		printFields(context, [
			['layer', visible(written.folder)],
			['program', `${kibibytes(written.packed)} packed, ${kibibytes(written.unpacked)} unpacked`],
			['sha-256', written.sha256],
			['next', `bitbake-layers add-layer ${visible(written.folder)}`],
		]);
	return exitCodes.ok.code;
}
