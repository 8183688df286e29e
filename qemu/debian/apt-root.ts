import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { findProgram } from '../../common/processes/programs.ts';

const run = promisify(execFile);

/** A suite of Debian for one architecture. */
export interface Distribution {
	/** A code name, for instance `bookworm`. */
	readonly suite: string;
	readonly architecture: 'amd64' | 'armhf';
}

/** An apt of our own: nothing is installed in it, and the system's apt is not touched. */
export interface AptRoot {
	/** Where the fetched packages lie. */
	readonly archives: string;
	/** A folder of the same kind in which there are never any. */
	readonly empty: string;
	/**
	 * Reads the mirror's lists. Security updates are looked for too; a mirror whose lists of those cannot be had or do
	 * not fit their signatures is told of, and gives none. Throws AptFailed.
	 */
	update(onProgress: (step: string) => void): Promise<void>;
	/** Runs apt-get in it, one call at a time however many processes ask. Throws AptFailed with apt's own words. */
	run(...args: readonly string[]): Promise<string>;
}

const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';

/**
 * Makes the root, or takes what is there. It uses the mirrors that the system's own apt uses for Debian.
 * Throws PartMissing, AptFailed.
 */
export async function openAptRoot(cache: string, { suite, architecture }: Distribution): Promise<AptRoot> {
	const root = path.join(cache, `apt-${suite}-${architecture}`);
	const archives = path.join(root, 'archives');
	for (const folder of ['lists/partial', 'archives/partial', 'empty/partial', 'etc'])
		await mkdir(path.join(root, folder), { recursive: true });
	const mirrors = await debianMirrors();
	const source = (uri: string, name: string) => `deb [signed-by=${keyring}] ${uri} ${name} main\n`;
	const useSources = (text: string) => writeFile(path.join(root, 'etc/sources.list'), text);
	await writeFile(path.join(root, 'status'), '');
	await writeFile(path.join(root, 'apt.conf'), configuration(root, architecture));
	const [flock, aptGet] = await Promise.all([findProgram('flock'), findProgram('apt-get')]);
	const aptRun: AptRoot['run'] = async (...args) => {
		try {
			const { stdout } = await run(flock, [path.join(root, 'lock'), aptGet, ...args], {
				env: { ...process.env, APT_CONFIG: path.join(root, 'apt.conf'), LC_ALL: 'C' },
				maxBuffer: 16 * 1024 * 1024,
			});
			return stdout;
		} catch (cause) {
			const { stderr } = cause as { stderr?: string };
			const message = `apt-get ${args[0]} (${suite}, ${architecture}): ${stderr?.trim()}`;
			throw new BimetalError('AptFailed', message, { cause });
		}
	};
	return {
		archives,
		empty: path.join(root, 'empty'),
		run: aptRun,
		async update(onProgress) {
			const main = source(mirrors.main, suite);
			if (mirrors.security !== undefined) {
				await useSources(main + source(mirrors.security, `${suite}-security`));
				const worked = await aptRun('update', '--quiet').then(
					() => true,
					() => false,
				);
				if (worked) return;
				onProgress(`The lists of ${suite}'s security updates cannot be had; going on without them`);
			}
			await useSources(main);
			await aptRun('update', '--quiet');
		},
	};
}

function configuration(root: string, architecture: string): string {
	return [
		`Dir "${root}";`,
		`Dir::State "${root}";`,
		`Dir::State::lists "${root}/lists";`,
		`Dir::State::status "${root}/status";`,
		`Dir::Cache "${root}";`,
		`Dir::Cache::archives "${root}/archives";`,
		`Dir::Etc "${root}/etc";`,
		`Dir::Etc::sourcelist "${root}/etc/sources.list";`,
		'Dir::Etc::sourceparts "/dev/null"; Dir::Etc::parts "/dev/null"; Dir::Etc::preferencesparts "/dev/null";',
		`APT::Architecture "${architecture}"; APT::Architectures { "${architecture}"; };`,
		'APT::Install-Recommends "false"; Acquire::Languages "none"; Acquire::Retries "3";',
		// The folder may be one that apt's own user cannot enter.
		'APT::Sandbox::User "";',
		'',
	].join('\n');
}

/** The mirrors of the system's apt, by the labels of their Release files. */
async function debianMirrors(): Promise<{ main: string; security: string | undefined }> {
	const { stdout } = await run(await findProgram('apt-get'), [
		...['indextargets', '--format', '$(LABEL)\t$(REPO_URI)', 'Created-By: Packages', 'Origin: Debian'],
	]);
	const uris = new Map(stdout.split('\n').map(line => line.split('\t') as [string, string]));
	const main = uris.get('Debian');
	if (main === undefined)
		throw new BimetalError('AptFailed', 'apt knows no mirror of Debian yet: run apt-get update', {
			expose: true,
		});
	return { main, security: uris.get('Debian-Security') };
}
