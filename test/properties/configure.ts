// What ava.config.js has ava load before each file of tests.
import module from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import fc from 'fast-check';
import { chooseFactor, chooseSeed } from './seed.ts';

/**
 * Gives all properties of a file one seed, and a failed one the command that fails again. A property that says its
 * own number of runs overrides fast-check's, so that a factor needs another `fc.assert` in fast-check's place.
 */
export default function configureProperties(): void {
	const seed = chooseSeed(process.env.BIMETAL_TEST_SEED);
	const factor = chooseFactor(process.env.BIMETAL_TEST_RUNS);
	const file = path.relative(process.cwd(), fileURLToPath(test.meta.file));
	const again = [
		`BIMETAL_TEST_SEED=${seed}`,
		...(factor === 1 ? [] : [`BIMETAL_TEST_RUNS=${factor}`]),
		`npm test -- ${file}`,
	].join(' ');
	fc.configureGlobal({
		seed,
		reporter(details) {
			if (!details.failed) return;
			const message = fc.defaultReportMessage(details);
			// Of an assertion of ava's that fails in a property, ava shows that and nothing of what is thrown after it.
			process.stderr.write(`${file}: ${message}\n\nAgain: ${again}\n`);
			throw new Error(message, { cause: details.errorInstance });
		},
	});

	if (factor === 1) return;
	const moreRuns = new URL('more-runs.ts', import.meta.url).href;
	module.registerHooks({
		resolve: (specifier, context, nextResolve) =>
			specifier === 'fast-check' && context.parentURL !== moreRuns
				? { url: moreRuns, shortCircuit: true }
				: nextResolve(specifier, context),
	});
}
