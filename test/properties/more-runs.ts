// Stands in fast-check's place when BIMETAL_TEST_RUNS says how many times as many runs there are to be.
import fc from 'fast-check';
import { chooseFactor } from './seed.ts';

const factor = chooseFactor(process.env.BIMETAL_TEST_RUNS);
/** fast-check's own, where a property says none. */
const usualRuns = 100;

const more = <Ts>(parameters: fc.Parameters<Ts> = {}): fc.Parameters<Ts> => ({
	...parameters,
	numRuns: (parameters.numRuns ?? usualRuns) * factor,
});

export default {
	...fc,
	assert: ((property: fc.IRawProperty<unknown>, parameters?: fc.Parameters<unknown>) =>
		fc.assert(property, more(parameters))) as typeof fc.assert,
	check: ((property: fc.IRawProperty<unknown>, parameters?: fc.Parameters<unknown>) =>
		fc.check(property, more(parameters))) as typeof fc.check,
};
