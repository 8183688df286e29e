import { readFileSync } from 'node:fs';

/** As package.json has it, for instance `0.1.0`. */
export function bimetalVersion(): string {
	const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
		version: string;
	};
	return manifest.version;
}
