import { createHash } from 'node:crypto';
import { lstat, readdir, readFile, realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { ConfigError, type ConfigProblem } from '../../common/config/config-error.ts';
import type { Units } from './expression/units.ts';

/** Bytes; room for a table of ten thousand rows, which is one file. */
export const maxFileSize = 2 * 1024 * 1024;
const maxFiles = 1000;

/** What of the folder decides on requests, read once, so that parsing and the version agree. */
export interface PolicyFiles {
	readonly operations: PolicyFile;
	readonly policies: readonly PartysFile[];
	/** `members.yaml` of the parties that have one. */
	readonly members: readonly PartysFile[];
	/** `helpers.yaml` of the parties that have one. */
	readonly helpers: readonly PartysFile[];
	/** SHA-256, hex. */
	readonly version: string;
}

export interface PolicyFile {
	/** As messages show it: the folder as given, with the file's name. */
	readonly name: string;
	readonly text: string;
}

/** A file in a party's folder. */
export interface PartysFile extends PolicyFile {
	readonly party: string;
}

/** What of a site its policies may name. */
export interface PolicySurroundings {
	/** The declared parties, in capitals. */
	readonly parties: readonly string[];
	/** The names behind `External.` that the site declares. */
	readonly externalSources: readonly string[];
	/** Units of their quantities, by path: `External.PDU.Outlets.Power` → `W`. */
	readonly units?: Units | undefined;
}

/** What a policy set is compiled from, as plain data: another process can compile the same one from it. */
export interface PolicySources {
	readonly files: PolicyFiles;
	readonly site: PolicySurroundings;
}

/** Files at the top that people and tools keep beside the table. */
const otherFiles = new Set([
	'README.md',
	'agreement.yaml',
	'cases.yaml',
	'cases.schema.json',
	'operations.schema.json',
	'policy.schema.json',
	'members.schema.json',
	'helpers.schema.json',
]);

/**
 * Reads `operations.yaml` and `<party in lower case>/*.yaml`. Names that begin with a dot are left alone.
 * @throws ConfigError for a file out of place, too large, not UTF-8, or linked from outside the folder.
 */
export async function readPolicyFiles(folder: string, parties: readonly string[]): Promise<PolicyFiles> {
	const problems: ConfigProblem[] = [];
	const complain = (name: string, message: string, fix?: string): void => {
		problems.push({
			file: join(folder, name),
			line: 1,
			column: 1,
			message,
			...(fix === undefined ? {} : { fix }),
		});
	};
	const contents = new Map<string, Uint8Array>();
	const take = async (name: string): Promise<void> => {
		if (contents.size >= maxFiles) return complain(name, `there are more than ${maxFiles} policy files`);
		const bytes = await readInside(folder, name, complain);
		if (bytes) contents.set(name, bytes);
	};

	const partyOf = new Map(parties.map(party => [party.toLowerCase(), party]));
	const folders = [...partyOf.keys()].map(name => `${name}/`).join(' or ');
	for (const entry of await list(folder, '', complain)) {
		if (otherFiles.has(entry)) continue;
		if (entry === 'operations.yaml') await take(entry);
		else if (!(await isFolder(join(folder, entry)))) {
			if (isYaml(entry)) complain(entry, "a policy file outside a party's folder", `move it into ${folders}`);
		} else if (!partyOf.has(entry))
			complain(entry, 'this folder belongs to no declared party', `the parties' folders are ${folders}`);
		else {
			for (const file of await list(folder, entry, complain)) {
				const name = `${entry}/${file}`;
				if (await isFolder(join(folder, name)))
					complain(name, "folders in a party's folder are not read", `move its files into ${entry}/`);
				else if (isYaml(file) && !isCases(file)) await take(name);
			}
		}
	}
	if (problems.length === 0 && !contents.has('operations.yaml')) {
		complain('operations.yaml', 'there is no such file', 'it holds the authorization table');
	}
	const texts = decode(contents, complain);
	if (problems.length > 0) throw new ConfigError(problems);
	const partys = [...texts]
		.filter(([name]) => name !== 'operations.yaml')
		.map(([name, text]) => {
			const [own = '', file = ''] = name.split('/');
			return { name: join(folder, name), text, party: partyOf.get(own) ?? '', file };
		});
	const called = (what: string) => partys.filter(({ file }) => file === what);
	return {
		operations: { name: join(folder, 'operations.yaml'), text: texts.get('operations.yaml') ?? '' },
		policies: partys.filter(({ file }) => file !== 'members.yaml' && file !== 'helpers.yaml'),
		members: called('members.yaml'),
		helpers: called('helpers.yaml'),
		version: digest(contents),
	};
}

type Complain = (name: string, message: string, fix?: string) => void;

async function list(folder: string, name: string, complain: Complain): Promise<string[]> {
	try {
		const entries = await readdir(join(folder, name));
		return entries.filter(entry => !entry.startsWith('.')).sort();
	} catch (error) {
		complain(name, `the folder cannot be read: ${codeOf(error)}`, 'check its path and mode');
		return [];
	}
}

async function isFolder(path: string): Promise<boolean> {
	try {
		return (await lstat(await realpath(path))).isDirectory();
	} catch {
		return false;
	}
}

async function readInside(folder: string, name: string, complain: Complain): Promise<Uint8Array | undefined> {
	try {
		const root = await realpath(folder);
		const path = await realpath(join(folder, name));
		if (!path.startsWith(root + sep)) {
			complain(name, 'a link out of the policy folder', 'copy the file into the folder');
			return undefined;
		}
		const { size } = await lstat(path);
		if (size > maxFileSize) {
			complain(name, `${size} bytes, more than the ${maxFileSize} that a policy file may have`, 'split it');
			return undefined;
		}
		return await readFile(path);
	} catch (error) {
		complain(name, `cannot be read: ${codeOf(error)}`);
		return undefined;
	}
}

function decode(contents: ReadonlyMap<string, Uint8Array>, complain: Complain): Map<string, string> {
	const texts = new Map<string, string>();
	for (const [name, bytes] of contents) {
		try {
			texts.set(name, new TextDecoder('utf-8', { fatal: true }).decode(bytes));
		} catch {
			complain(name, 'this is not UTF-8', 'save it as UTF-8');
		}
	}
	return texts;
}

/** Names and lengths are hashed with the contents: moving text between files changes the version. */
function digest(contents: ReadonlyMap<string, Uint8Array>): string {
	const hash = createHash('sha256');
	for (const name of [...contents.keys()].sort()) {
		const bytes = contents.get(name) ?? new Uint8Array();
		hash.update(`${name}\0${bytes.length}\0`).update(bytes);
	}
	return hash.digest('hex');
}

function isYaml(name: string): boolean {
	return name.endsWith('.yaml') || name.endsWith('.yml');
}

/** Cases test the policies and decide nothing (load-cases.ts); so they are no part of the version. */
export function isCases(name: string): boolean {
	return name === 'cases.yaml' || name.endsWith('.cases.yaml');
}

function codeOf(error: unknown): string {
	return (error as NodeJS.ErrnoException).code ?? 'unknown error';
}
