import { access, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '../../common/clock.ts';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { type Child, startChild } from '../../common/processes/children.ts';
import { findProgram } from '../../common/processes/programs.ts';
import { FILES } from './machine-arguments.ts';

/** Where a TPM's state and the certificates of its endorsement keys are, below its server's folder. */
const STATE = 'tpm';
/** How long the emulator may take to open its socket. */
const START_LIMIT_MS = 10_000;

export interface TpmParts {
	/** The server's folder. */
	readonly folder: string;
	readonly run: string;
	/** The site authority's folder. */
	readonly authority: string;
	/** Stands in the EK certificate as its subject. */
	readonly serial: string;
	readonly model: string;
	readonly manufacturer: string;
	readonly clock: Clock;
}

/** A server's TPM 2.0: its keys stay from one power cycle to the next, its registers do not. */
export interface Tpm {
	/** Resets it: an emulator that still runs is ended, and another one waits for the machine. */
	powerOn(): Promise<void>;
	close(): Promise<void>;
}

/**
 * A TPM that is made at first with endorsement keys whose certificates the site's authority signs; that authority
 * (a root and an issuer below it) is made as well where there is none: `swtpm-localca-rootca-cert.pem` and `issuercert.pem`
 * in its folder are what verifiers trust.
 * @throws BimetalError PartMissing, TpmFailed with swtpm's own words
 */
export async function openTpm(parts: TpmParts): Promise<Tpm> {
	const state = path.join(parts.folder, STATE);
	const isMade = await access(state).then(
		() => true,
		() => false,
	);
	if (!isMade) await manufacture(parts, state);
	let emulator: Child | undefined;
	const close = async (): Promise<void> => {
		await emulator?.stop();
		emulator = undefined;
	};
	return {
		async powerOn() {
			await close();
			const socket = path.join(parts.folder, FILES.tpmSocket);
			await rm(socket, { force: true });
			const started = await startChild(
				'swtpm',
				[
					...['socket', '--tpm2', '--tpmstate', `dir=${STATE}`, '--flags', 'startup-clear', '--terminate'],
					// Relative, for the path of a UNIX socket has room for 107 bytes only.
					...['--ctrl', `type=unixio,path=${FILES.tpmSocket}`],
				],
				{ run: parts.run, folder: parts.folder },
			);
			emulator = started;
			let hasEnded = false;
			void started.exited.then(() => {
				hasEnded = true;
			});
			const end = parts.clock.elapsed() + START_LIMIT_MS;
			while (!(await isThere(socket))) {
				if (hasEnded || parts.clock.elapsed() > end) {
					await close();
					throw failed(`swtpm does not start: ${started.errorLines().join('\n') || 'it said nothing'}`);
				}
				await new Promise(resolve => setTimeout(resolve, 5));
			}
		},
		close,
	};
}

/** swtpm_setup(8) and swtpm_localca(8). Made beside and renamed: what was interrupted is made again. */
async function manufacture(parts: TpmParts, state: string): Promise<void> {
	const { authority, folder } = parts;
	const made = `${state}.new`;
	await rm(made, { recursive: true, force: true });
	await mkdir(made, { recursive: true, mode: 0o700 });
	await mkdir(authority, { recursive: true, mode: 0o700 });
	const localca = await findProgram('swtpm_localca');
	// It makes the authority with it, and asks for it in the end only.
	await findProgram('certtool');
	const files = {
		authority: path.join(folder, 'tpm-authority.conf'),
		platform: path.join(folder, 'tpm-platform.options'),
		setup: path.join(folder, 'tpm-setup.conf'),
	};
	const inAuthority = (name: string) => path.join(path.resolve(authority), name);
	await writeLines(files.authority, [
		`statedir = ${path.resolve(authority)}`,
		`signingkey = ${inAuthority('signkey.pem')}`,
		`issuercert = ${inAuthority('issuercert.pem')}`,
		`certserial = ${inAuthority('certserial')}`,
	]);
	await writeLines(files.platform, [
		`--platform-manufacturer ${word(parts.manufacturer)}`,
		'--platform-version 1',
		`--platform-model ${word(parts.model)}`,
	]);
	await writeLines(files.setup, [
		`create_certs_tool = ${localca}`,
		`create_certs_tool_config = ${files.authority}`,
		`create_certs_tool_options = ${files.platform}`,
		'active_pcr_banks = sha256',
	]);
	const args = [
		...['--tpm2', '--tpmstate', made, '--config', files.setup, '--pcr-banks', 'sha256', '--overwrite'],
		...['--create-ek-cert', '--lock-nvram', '--write-ek-cert-files', made, '--vmid', word(parts.serial)],
	];
	let said = '';
	const child = await startChild('swtpm_setup', args, {
		run: parts.run,
		folder,
		onOutput(bytes) {
			said += bytes.toString('utf8');
		},
	});
	const { code } = await child.exited;
	if (code !== 0) {
		const lines = [...said.trim().split('\n'), ...child.errorLines()].slice(-5);
		throw failed(`no TPM could be made: ${lines.join('\n')}`);
	}
	await rename(made, state);
}

const writeLines = (file: string, lines: readonly string[]) =>
	writeFile(file, `${lines.join('\n')}\n`, { mode: 0o600 });

/** These programs split what they are given at spaces, and make a distinguished name of it. */
const word = (text: string): string => text.replace(/[^\w.-]+/g, '-') || 'unknown';

const isThere = (file: string): Promise<boolean> =>
	access(file).then(
		() => true,
		() => false,
	);

const failed = (message: string) => new BimetalError('TpmFailed', message, { expose: true });
