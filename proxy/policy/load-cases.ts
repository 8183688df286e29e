import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigError } from '../../common/config/config-error.ts';
import { type PolicyCases, readCases } from './cases-file.ts';
import { isCases } from './load-policy-files.ts';

/**
 * Reads `cases.yaml` and each party's `<party>/*.cases.yaml`.
 * @throws ConfigError with every problem of every file
 */
export async function loadCases(folder: string, parties: readonly string[]): Promise<PolicyCases> {
	const names = [
		...(await casesIn(folder, '')),
		...(await Promise.all(parties.map(party => casesIn(folder, party.toLowerCase())))).flat(),
	];
	const read = await Promise.all(
		names.map(async name => {
			const path = join(folder, name);
			return readCases({ name: path, text: await readFile(path, 'utf8') });
		}),
	);
	const problems = read.flatMap(file => file.problems);
	if (problems.length > 0) throw new ConfigError(problems);
	return { cases: read.flatMap(file => file.cases), exempt: read.flatMap(file => file.exempt) };
}

async function casesIn(folder: string, below: string): Promise<string[]> {
	const entries = await readdir(join(folder, below)).catch((error: NodeJS.ErrnoException) => {
		// A party need not have written anything.
		if (error.code === 'ENOENT') return [];
		throw error;
	});
	return entries
		.filter(entry => isCases(entry) && !entry.startsWith('.'))
		.sort()
		.map(entry => join(below, entry));
}
