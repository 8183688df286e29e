import { createHash, X509Certificate } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import type { BuildOptions } from '../../qemu/image/debian-image.ts';
import type { CliContext } from '../context.ts';
import { usageError } from '../failure.ts';
import { printJson, printLine } from '../output.ts';
import { progressLine } from '../progress.ts';
import { bytesText } from '../provisioner/progress-bar.ts';
import {
	type ProvisionerOptions,
	projectOf,
	withProvisioner,
} from '../provisioner/provisioner-connection.ts';
import { uploadFile } from '../provisioner/upload-file.ts';
import { visible } from '../visible.ts';
import { reportImage } from './image-import.ts';

export interface BuildImageOptions extends ProvisionerOptions {
	readonly name: string;
	readonly project?: string;
	readonly out?: string;
	readonly trust?: readonly string[];
	readonly full?: boolean;
	readonly package?: readonly string[];
}

/** `bimetal image build debian`: made here, of Debian's packages, and uploaded; or only written to a file. */
export async function buildImage(context: CliContext, options: BuildImageOptions): Promise<number> {
	if (options.package && !options.full)
		throw usageError('--package goes with --full: the small image takes no packages', '--full as well');
	const wrong = options.package?.find(name => !/^[a-z0-9][a-z0-9+.-]+$/.test(name));
	if (wrong !== undefined)
		throw usageError(`${visible(wrong)} is no name of a package`, '--package nginx-light');
	const kind = { isFull: options.full, packages: options.package };
	const named = await authoritiesOf(context, options.trust);
	if (options.out === undefined)
		return withProvisioner(context, options, async connection => {
			const { client } = connection;
			const project = await projectOf(client, options.project);
			const trust = named ?? (await client.networks()).map(({ authority }) => authority).join('');
			const { file, recipe } = await built(context, { ...kind, trust });
			const of = { project, name: options.name, format: 'qcow2', recipe } as const;
			const id = await uploadFile(context, client, file, of);
			return reportImage(context, connection, options, { id });
		});
	const to = path.resolve(context.cwd, options.out);
	const { recipe } = await built(context, { ...kind, trust: named, to });
	const { size } = await stat(to);
	const sha256 = await digestOf(to);
	if (options.json) printJson(context, { file: to, bytes: size, sha256, recipe });
	else {
		printLine(context, `The image is in ${visible(to)} (${bytesText(size)}, SHA-256 ${sha256}).`);
		if (named === undefined)
			printLine(context, 'It trusts no provisioning network, and so is not configured by one: see --trust.');
	}
	return 0;
}

async function built(context: CliContext, of: BuildOptions) {
	const { buildDebianImage } = await import('../../qemu/image/debian-image.ts');
	const progress = progressLine(context);
	try {
		return await buildDebianImage({ ...of, onProgress: step => progress.show(step) });
	} finally {
		progress.end();
	}
}

/** The certificates of files, and nothing else that stands in them: it goes into an image. */
async function authoritiesOf(
	{ cwd }: CliContext,
	files: readonly string[] | undefined,
): Promise<string | undefined> {
	if (files === undefined) return undefined;
	let found = '';
	for (const file of files) {
		const text = await readFile(path.resolve(cwd, file), 'utf8');
		const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
		for (const block of blocks) {
			if (!isAuthority(block))
				throw usageError(`a certificate in ${visible(file)} is no authority's`, '--trust AUTHORITY.pem');
			found += `${block}\n`;
		}
		if (blocks.length === 0)
			throw usageError(`there is no certificate in ${visible(file)}`, '--trust AUTHORITY.pem, a file in PEM');
	}
	return found;
}

function isAuthority(pem: string): boolean {
	try {
		return new X509Certificate(pem).ca;
	} catch {
		return false;
	}
}

async function digestOf(file: string): Promise<string> {
	const hash = createHash('sha256');
	for await (const piece of createReadStream(file)) hash.update(piece);
	return hash.digest('hex');
}
