import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { build, type Plugin } from 'esbuild';

/** What a board runs: our code bundled for Node 20, and what that reads beside it. */
export interface BoardProgram {
	/** By their paths below the program's folder; it starts with `bin/board.mjs`. */
	readonly files: Readonly<Record<string, Buffer>>;
	/** Bytes of all of them. */
	readonly size: number;
	/** Another one when anything of it is another. */
	readonly digest: string;
}

/**
 * Data of packages that nothing of ours can come to, and that would have to be read through at each start: character
 * sets that body-parser never asks for (it refuses JSON in any other than UTF), and messages of zod's in other languages.
 */
const leftOut: readonly (readonly [RegExp, string, 'js' | 'json'])[] = [
	[/iconv-lite\/encodings\/tables\/[^/]+\.json$/, '{}', 'json'],
	[/zod\/v4\/locales\/index\.js$/, "export { default as en } from './en.js';", 'js'],
];

/**
 * Bundles a program with everything that it imports, in pieces that are read when they are wanted. Some packages are
 * CommonJS and call `require` for Node's own modules, which a bundle of modules has only if it is given one.
 */
export async function bundleProgram(entry: string, manifest: string): Promise<BoardProgram> {
	const { outputFiles } = await build({
		entryPoints: { board: entry },
		bundle: true,
		splitting: true,
		write: false,
		outdir: '/bin',
		outExtension: { '.js': '.mjs' },
		platform: 'node',
		format: 'esm',
		target: 'node20',
		minify: true,
		legalComments: 'none',
		banner: {
			js: "import{createRequire as __require}from'node:module';const require=__require(import.meta.url);",
		},
		plugins: [leaveOut],
		logLevel: 'silent',
	});
	const code = outputFiles.map(file => [path.relative('/', file.path), Buffer.from(file.contents)] as const);
	// Only what is read of it: the version.
	const { name, version } = JSON.parse(await readFile(manifest, 'utf8')) as Record<string, string>;
	const files = {
		...Object.fromEntries(code),
		'package.json': Buffer.from(`${JSON.stringify({ name, version })}\n`),
	};
	const hash = createHash('sha256');
	for (const [file, content] of Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1)))
		hash.update(`${file} ${content.length}\n`).update(content);
	const size = Object.values(files).reduce((sum, { length }) => sum + length, 0);
	return { files, size, digest: hash.digest('hex') };
}

const leaveOut: Plugin = {
	name: 'leave-out',
	setup({ onResolve, onLoad }) {
		// An add-on is made for one machine, and may not have been made at all; ssh2 does without.
		onResolve({ filter: /\.node$/ }, ({ path: name }) => ({ path: name, namespace: 'add-on' }));
		const contents = "throw new Error('add-ons are left out');";
		onLoad({ filter: /./, namespace: 'add-on' }, () => ({ contents, loader: 'js' }));
		for (const [filter, replacement, loader] of leftOut) {
			onLoad({ filter }, () => ({ contents: replacement, loader }));
		}
	},
};
