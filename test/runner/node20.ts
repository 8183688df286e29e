import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { transformSync } from 'esbuild';

/**
 * The proxy also runs on Node 20 (Debian's armhf Node, for a board of its own, is older than ours), so its tests
 * run there too: transpiled, in a folder of their own, by the same ava.
 */
const parts = [
	'common/**',
	'proxy/**',
	'qemu/**',
	'policies/**',
	'examples/**',
	'test/**',
	'docs/**',
	'*.md',
	'package.json',
];

/** The path of a Node 20: BIMETAL_NODE20, or the first `node` of PATH that is one. */
export function findNode20(env: NodeJS.ProcessEnv): { path: string; version: string } | undefined {
	const candidates = env.BIMETAL_NODE20
		? [env.BIMETAL_NODE20]
		: (env.PATH ?? '')
				.split(path.delimiter)
				.flatMap(folder => ['node', 'node20'].map(name => path.join(folder, name)));
	for (const candidate of candidates) {
		if (!existsSync(candidate)) continue;
		const version = (spawnSync(candidate, ['--version'], { encoding: 'utf8' }).stdout ?? '').trim();
		if (version.startsWith('v20.')) return { path: candidate, version };
	}
	return undefined;
}

const aboutSqlite = /from '(?:node:sqlite|\.\/sqlite-store\.ts)'/;

/**
 * Writes JavaScript for Node 20 to `target` and returns what ava is to run there. What is about sqlite stays
 * out, files that import it and tests that name it: Node 20 has none, and the proxy has another store.
 */
export function transpileForNode20(root: string, target: string): string[] {
	rmSync(target, { recursive: true, force: true });
	const tests: string[] = [];
	for (const file of globSync(parts, { cwd: root, withFileTypes: true })) {
		if (!file.isFile()) continue;
		const from = path.join(file.parentPath, file.name);
		const to = path.join(target, path.relative(root, from)).replace(/\.ts$/, '.js');
		mkdirSync(path.dirname(to), { recursive: true });
		if (!from.endsWith('.ts')) {
			copyFileSync(from, to);
			continue;
		}
		const source = readFileSync(from, 'utf8');
		const { code } = transformSync(source, {
			loader: 'ts',
			format: 'esm',
			target: 'node20',
			sourcefile: from,
		});
		writeFileSync(to, withJsEndings(code));
		const isTest = /^(common|proxy)\/.*\.test\.ts$/.test(path.relative(root, from));
		if (isTest && !aboutSqlite.test(source)) tests.push(path.relative(target, to));
	}
	writeFileSync(
		path.join(target, 'ava.config.js'),
		`export default { files: ['**/*.test.js'], require: ['./test/properties/configure.js'], timeout: '2m' };\n`,
	);
	return ['--match', '!*sqlite*', ...tests.sort()];
}

/** Imports of, and URLs to, TypeScript files of this repository: './x.ts' becomes './x.js'. */
function withJsEndings(code: string): string {
	return code
		.replace(/(['"])(\.{1,2}\/[^'"\n]*)\.ts\1/g, '$1$2.js$1')
		.replace(/(new URL\(\s*)(['"])([^'"\n]*)\.ts\2/g, '$1$2$3.js$2');
}
