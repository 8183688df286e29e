// A TPM that we did not write: Debian's swtpm and tpm2-tools, in a folder of the test's own.
import { execFile, spawn } from 'node:child_process';
import { access, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import type { ExecutionContext } from 'ava';
import { type PublicArea, parsePublicArea } from './public-area.ts';
import type { PcrValues } from './quote.ts';

const LIMIT_MS = 30_000;
const run = promisify(execFile);

export const EK = { rsa: '0x81010001', ecc: '0x81010016' } as const;
const EK_CERTIFICATE = { rsa: '0x1c00002', ecc: '0x1c00016' } as const;

export interface SoftwareTpm {
	readonly folder: string;
	/** For programs that use tpm2-tools themselves. */
	readonly env: NodeJS.ProcessEnv;
	/** Runs a program of tpm2-tools in the folder, and takes away what it leaves in the TPM. */
	tool(name: string, ...args: string[]): Promise<void>;
	/** What its power button does; it must be started again (tpm2_startup). */
	turnOffAndOn(): Promise<void>;
	read(file: string): Promise<Buffer>;
	publicArea(file: string): Promise<PublicArea>;
	/** In DER. */
	ekCertificate(kind: 'rsa' | 'ecc'): Promise<Buffer>;
	/** The authority that swtpm_localca made, in PEM. */
	readonly authority: { readonly root: Buffer; readonly issuer: Buffer };
}

export async function startSoftwareTpm(t: ExecutionContext): Promise<SoftwareTpm> {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-tpm-'));
	t.teardown(() => rm(folder, { recursive: true, force: true }));
	const at = (name: string) => path.join(folder, name);
	await mkdir(at('state'));
	await mkdir(at('ca'));
	await writeFile(
		at('localca.conf'),
		[
			`statedir = ${at('ca')}`,
			`signingkey = ${at('ca/signkey.pem')}`,
			`issuercert = ${at('ca/issuercert.pem')}`,
			`certserial = ${at('ca/certserial')}`,
		].join('\n'),
	);
	await writeFile(
		at('options'),
		'--platform-manufacturer Bimetal\n--platform-version 1\n--platform-model test\n',
	);
	await writeFile(
		at('setup.conf'),
		[
			'create_certs_tool = /usr/bin/swtpm_localca',
			`create_certs_tool_config = ${at('localca.conf')}`,
			`create_certs_tool_options = ${at('options')}`,
			'active_pcr_banks = sha256',
		].join('\n'),
	);
	const setup = ['--tpm2', '--tpmstate', at('state'), '--config', at('setup.conf'), '--create-ek-cert'];
	await run('swtpm_setup', [...setup, '--pcr-banks', 'sha1,sha256', '--overwrite'], { timeout: LIMIT_MS });
	const { env, tool, turnOffAndOn, close } = await runSoftwareTpm(folder);
	t.teardown(close);
	const tpm: SoftwareTpm = {
		folder,
		env,
		tool,
		turnOffAndOn,
		read: file => readFile(at(file)),
		async publicArea(file) {
			const area = parsePublicArea(await readFile(at(file)));
			if (!area.ok) throw new Error(area.refusal.reason);
			return area.value;
		},
		async ekCertificate(kind) {
			await tpm.tool('tpm2_nvread', EK_CERTIFICATE[kind], '-C', 'o', '-o', `ek-${kind}.der`);
			return readFile(at(`ek-${kind}.der`));
		},
		authority: {
			root: await readFile(at('ca/swtpm-localca-rootca-cert.pem')),
			issuer: await readFile(at('ca/issuercert.pem')),
		},
	};
	return tpm;
}

/**
 * Runs the TPM whose state is in a folder, to be used with tpm2-tools until it is closed.
 * @param folder for its sockets and what tools write; paths of sockets must be short
 */
export async function runSoftwareTpm(folder: string, state = path.join(folder, 'state')) {
	const socket = path.join(folder, 'tpm-tools');
	const daemon = spawn(
		'swtpm',
		[
			...['socket', '--tpm2', '--tpmstate', `dir=${state}`, '--flags', 'not-need-init,startup-clear'],
			...['--server', `type=unixio,path=${socket}`, '--ctrl', `type=unixio,path=${socket}.ctrl`],
		],
		{ stdio: 'ignore' },
	);
	const ended = new Promise<void>(resolve => daemon.once('exit', () => resolve()));
	const close = async () => {
		daemon.kill('SIGKILL');
		await ended;
	};
	const env = { ...process.env, TPM2TOOLS_TCTI: `swtpm:path=${socket}`, TSS2_LOG: 'all+NONE' };
	const bare = async (name: string, args: readonly string[]) => {
		await run(name, args, { cwd: folder, env, timeout: LIMIT_MS });
	};
	try {
		await isThere(socket);
		await isThere(`${socket}.ctrl`);
	} catch (fault) {
		await close();
		throw fault;
	}
	return {
		env,
		async tool(name: string, ...args: string[]): Promise<void> {
			await bare(name, args);
			await bare('tpm2_flushcontext', ['-t']);
		},
		turnOffAndOn: () => bare('swtpm_ioctl', ['--unix', `${socket}.ctrl`, '-i']),
		close,
	};
}

async function isThere(file: string): Promise<void> {
	const end = performance.now() + LIMIT_MS;
	while (performance.now() < end) {
		if (
			await access(file).then(
				() => true,
				() => false,
			)
		)
			return;
		await new Promise(resolve => setTimeout(resolve, 5));
	}
	throw new Error(`${file} does not appear`);
}

/** What `tpm2_quote --pcrs_format=values` writes: the values of one bank, one after another. */
export function pcrValues(pcrs: readonly number[], values: Buffer): PcrValues {
	return { sha256: new Map(pcrs.map((pcr, index) => [pcr, values.subarray(index * 32, index * 32 + 32)])) };
}
