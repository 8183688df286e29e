import { createHash, X509Certificate } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
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
	/** The recipe's when absent. */
	readonly name?: string;
	readonly project?: string;
	readonly out?: string;
	readonly trust?: readonly string[];
	readonly full?: boolean;
	readonly package?: readonly string[];
	readonly attested?: boolean;
	readonly registrar?: string;
	readonly verifier?: string;
	readonly tpm2Tools?: boolean;
	readonly signKey?: string;
	readonly signCertificate?: string;
}

export type Recipe = 'debian' | 'airlock';

/** Builds it; `to`: a file to write it to as well. */
type Maker = (trust: string | undefined, to?: string) => Promise<{ file: string; recipe: string }>;

/** `bimetal image build`: made here, of Debian's packages, and uploaded; or only written to a file. */
export async function buildImage(
	context: CliContext,
	recipe: Recipe,
	options: BuildImageOptions,
): Promise<number> {
	const make = recipe === 'debian' ? debianMaker(context, options) : airlockMaker(context, options);
	const named = await authoritiesOf(context, options.trust);
	if (options.out === undefined)
		return withProvisioner(context, options, async connection => {
			const { client } = connection;
			const project = await projectOf(client, options.project);
			const trust = named ?? (await client.networks()).map(({ authority }) => authority).join('');
			const built = await make(trust);
			const of = { project, name: options.name ?? recipe, format: 'qcow2', recipe: built.recipe } as const;
			const id = await uploadFile(context, client, built.file, of);
			return reportImage(context, connection, options, { id });
		});
	const to = path.resolve(context.cwd, options.out);
	const built = await make(named, to);
	const { size } = await stat(to);
	const sha256 = await digestOf(to);
	if (options.json) printJson(context, { file: to, bytes: size, sha256, recipe: built.recipe });
	else {
		printLine(context, `The image is in ${visible(to)} (${bytesText(size)}, SHA-256 ${sha256}).`);
		if (named === undefined)
			printLine(context, 'It trusts no provisioning network, and so is not configured by one: see --trust.');
	}
	return 0;
}

function debianMaker(context: CliContext, options: BuildImageOptions): Maker {
	if (options.package && !options.full)
		throw usageError('--package goes with --full: the small image takes no packages', '--full as well');
	if (options.registrar ?? options.verifier)
		throw usageError('--registrar and --verifier go with airlock: no other image asks them', 'airlock');
	if (options.tpm2Tools)
		throw usageError('--tpm2-tools goes with airlock: no other image can do without', 'airlock');
	if (options.signKey ?? options.signCertificate)
		throw usageError(
			'--sign-key and --sign-certificate go with airlock: no other image is signed',
			'airlock',
		);
	const wrong = options.package?.find(name => !/^[a-z0-9][a-z0-9+.-]+$/.test(name));
	if (wrong !== undefined)
		throw usageError(`${visible(wrong)} is no name of a package`, '--package nginx-light');
	const kind = { isFull: options.full, packages: options.package, isAttested: options.attested };
	return async (trust, to) => {
		const { buildDebianImage } = await import('../../qemu/image/debian-image.ts');
		return withProgress(context, onProgress => buildDebianImage({ ...kind, trust, to, onProgress }));
	};
}

/** `--out FILE.efi` is one program for UEFI's network boot; every other file is a disk. */
function airlockMaker(context: CliContext, options: BuildImageOptions): Maker {
	const { registrar, verifier = registrar, trust, tpm2Tools: hasTpmTools } = options;
	if (options.full || options.package || options.attested)
		throw usageError(
			'--full, --package and --attested go with debian: the airlock has its agent alone',
			'debian',
		);
	if (registrar === undefined || verifier === undefined)
		throw usageError('the airlock has to know whom to ask', '--registrar https://10.9.0.1:5002');
	if (trust === undefined)
		throw usageError('the airlock has to know registrar and verifier by an authority', '--trust site-ca.pem');
	const signer = signerOf(context, options);
	return async (authorities = '', to) => {
		const { buildAirlockImage } = await import('../../qemu/airlock/airlock-image.ts');
		const { file, program, recipe } = await withProgress(context, onProgress =>
			buildAirlockImage({ registrar, verifier, authorities, hasTpmTools, signer, onProgress }),
		);
		if (to !== undefined) await copyFile(to.endsWith('.efi') ? program : file, to);
		return { file, recipe };
	};
}

function signerOf({ cwd }: CliContext, { signKey, signCertificate }: BuildImageOptions) {
	if (signKey === undefined && signCertificate === undefined) return undefined;
	if (signKey === undefined || signCertificate === undefined)
		throw usageError(
			'a signature takes a key and its certificate',
			'--sign-key db.key --sign-certificate db.pem',
		);
	return { key: path.resolve(cwd, signKey), certificate: path.resolve(cwd, signCertificate) };
}

async function withProgress<T>(
	context: CliContext,
	work: (onProgress: (step: string) => void) => Promise<T>,
): Promise<T> {
	const progress = progressLine(context);
	try {
		return await work(step => progress.show(step));
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
