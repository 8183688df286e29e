import test, { type ExecutionContext } from 'ava';
import { debianParts } from './parts.ts';

type Implementation = (t: ExecutionContext) => void | Promise<void>;

/**
 * ava's `test.serial` for tests that need Debian packages: skipped, visibly, where one is missing; under CI=true they
 * run and fail. Throws when a package is not on the list, for then nobody would install it.
 */
export function testNeeding(...packages: string[]): (title: string, implementation: Implementation) => void {
	const parts = debianParts();
	const missing = packages.filter(name => {
		const part = parts.find(p => p.name === name);
		if (!part) throw new Error(`${name} is not listed in test/debian/packages`);
		return !part.here;
	});
	if (missing.length === 0 || process.env.CI === 'true') return (title, run) => test.serial(title, run);
	return (title, run) =>
		test.serial.skip(`${title} ${missing.map(name => `[needs ${name}]`).join(' ')}`, run);
}
