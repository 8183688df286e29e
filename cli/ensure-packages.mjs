import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * Installs the npm packages as the lock file says, when they are missing or older than it, and returns the
 * path of the Node (24 or later) that came with them. Exits with npm's code when that fails.
 */
export function ensurePackages() {
	const node = path.join(root, 'node_modules', '.bin', 'node');
	if (!upToDate(node)) {
		process.stderr.write('bimetal: installing the npm packages (once, about half a minute)…\n');
		const npm = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
			cwd: root,
			stdio: ['ignore', 2, 2],
		});
		if (npm.error || npm.status !== 0) {
			process.stderr.write(`bimetal: 'npm ci' in ${root} failed; run it by hand to see why\n`);
			process.exit(npm.status || 1);
		}
	}
	return node;
}

/** npm leaves a copy of the lock in node_modules; the packages are current when it lists the same versions. */
function upToDate(node) {
	const installed = path.join(root, 'node_modules', '.package-lock.json');
	if (!existsSync(node) || !existsSync(installed)) return false;
	const versions = file =>
		Object.entries(JSON.parse(readFileSync(file, 'utf8')).packages).map(([name, { version }]) => [
			name,
			version,
		]);
	const have = new Map(versions(installed));
	return versions(path.join(root, 'package-lock.json')).every(
		([name, version]) => name === '' || !have.has(name) || have.get(name) === version,
	);
}
