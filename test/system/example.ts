import { readFile } from 'node:fs/promises';
import path from 'node:path';

const examples = path.join(import.meta.dirname, '../../examples');

/** What a page of an example tells its reader to do, by the headings under which it stands. */
export interface Example {
	readonly folder: string;
	/** The commands under a heading; throws when there is no such heading or nothing to run under it. */
	commands(heading: string): string;
	/** The YAML under a heading. */
	yaml(heading: string): string;
	/** Headings with commands that nobody has asked for. */
	untouched(): readonly string[];
}

/** Reads `examples/NAME/README.md`. Blocks marked `sh` are what is run, one after the other. */
export async function readExample(name: string): Promise<Example> {
	const folder = path.join(examples, name);
	const page = await readFile(path.join(folder, 'README.md'), 'utf8');
	const blocks = new Map<string, { sh: string; yaml: string }>();
	let heading = '';
	let language: string | undefined;
	for (const line of page.split('\n')) {
		const fence = /^```(\w*)$/.exec(line);
		if (fence) language = language === undefined ? fence[1] : undefined;
		else if (language === undefined) heading = /^## (.+)$/.exec(line)?.[1] ?? heading;
		else if (language === 'sh' || language === 'yaml') {
			const found = blocks.get(heading) ?? { sh: '', yaml: '' };
			found[language] += `${line}\n`;
			blocks.set(heading, found);
		}
	}
	const left = new Set([...blocks].filter(([, { sh }]) => sh !== '').map(([each]) => each));
	const get = (wanted: string, kind: 'sh' | 'yaml'): string => {
		const text = blocks.get(wanted)?.[kind];
		if (!text) throw new Error(`${folder}/README.md has no ${kind} under "${wanted}"`);
		return text;
	};
	return {
		folder,
		commands(wanted) {
			left.delete(wanted);
			return get(wanted, 'sh');
		},
		yaml: wanted => get(wanted, 'yaml'),
		untouched: () => [...left],
	};
}
