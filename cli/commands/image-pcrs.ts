import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { stringify } from 'yaml';
import type { CliContext } from '../context.ts';

export interface PcrsOptions {
	readonly rules?: boolean;
	readonly json?: boolean;
}

/** `bimetal image pcrs FILE.efi`: what a policy of attestation has of a program that firmware boots, without booting it. */
export async function imagePcrs(
	context: CliContext,
	file: string,
	{ rules, json }: PcrsOptions,
): Promise<number> {
	const { measureProgram } = await import('../../qemu/guest/measured-program.ts');
	const measured = measureProgram(await readFile(path.resolve(context.cwd, file)));
	const { images, commandLine } = measured;
	const events = measured.events.map(({ pcr, what, digest }) => ({ pcr, what, digests: [digest] }));
	const part = rules ? { boot: { images, commandLines: [commandLine], events } } : { pcrs: measured.pcrs };
	context.stdout.write(json ? `${JSON.stringify(part, null, 2)}\n` : stringify(part, { lineWidth: 0 }));
	return 0;
}
