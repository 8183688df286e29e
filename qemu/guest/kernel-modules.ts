import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { BimetalError } from '../../common/errors/bimetal-error.ts';
import { findProgram } from '../../common/processes/programs.ts';

/** A module of a kernel, by the name it has once it is loaded, with what it needs. */
export interface KernelModule {
	readonly name: string;
	readonly content: Buffer;
}

/** Answers for lists of modules in which order they are loaded, with all that they need. */
export type ModuleLoader = (...names: readonly string[]) => Promise<readonly KernelModule[]>;

/**
 * The modules below a folder. They are read for what they need, as depmod does: Debian's packages come without
 * modules.dep, which is made when they are installed. The loader throws ModuleMissing, PartMissing.
 */
export async function openModules(folder: string): Promise<ModuleLoader> {
	const files = new Map<string, string>();
	for (const file of await readdir(folder, { recursive: true })) {
		const [, name] = /([^/]+)\.ko(?:\.xz)?$/.exec(file) ?? [];
		if (name !== undefined) files.set(loadedName(name), path.join(folder, file));
	}
	const contents = new Map<string, Promise<Buffer>>();
	const read = (name: string): Promise<Buffer> => {
		const file = files.get(name);
		if (file === undefined)
			throw new BimetalError('ModuleMissing', `the kernel in ${folder} has no module ${name}`);
		const content = contents.get(name) ?? readModule(file);
		contents.set(name, content);
		return content;
	};
	return async (...names) => {
		const ordered = new Map<string, KernelModule>();
		const add = async (name: string): Promise<void> => {
			if (ordered.has(name)) return;
			const content = await read(name);
			for (const needed of needsOf(content)) await add(needed);
			ordered.set(name, { name, content });
		};
		for (const name of names) await add(loadedName(name));
		return [...ordered.values()];
	};
}

async function readModule(file: string): Promise<Buffer> {
	if (!file.endsWith('.xz')) return readFile(file);
	const xz = await findProgram('xz');
	const { stdout } = await promisify(execFile)(xz, ['--decompress', '--stdout', file], {
		encoding: 'buffer',
		maxBuffer: 16 * 1024 * 1024,
	});
	return stdout;
}

const loadedName = (name: string): string => name.replaceAll('-', '_');

/** The `depends=` string of a module's .modinfo section; each module has exactly one, empty where it needs nothing. */
function needsOf(module: Buffer): string[] {
	const word = '\0depends=';
	const at = module.indexOf(word);
	if (at === -1) throw new BimetalError('ModuleMissing', 'a kernel module does not say what it needs');
	const from = at + word.length;
	const list = module.toString('latin1', from, module.indexOf(0, from));
	return list === '' ? [] : list.split(',').map(loadedName);
}
