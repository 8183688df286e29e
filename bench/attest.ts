// Attestation: what a verification costs beside its signature, how many agents a verifier has time for, and what several verifiers do.
import { agentsAtIntervals, severalVerifiers } from './attest/agents.ts';
import { verification } from './attest/verification.ts';
import type { BenchArea } from './harness/bench-case.ts';

export const area: BenchArea = {
	open: async () => ({
		cases: [
			verification('rsa', 'steady'),
			verification('ecc', 'steady'),
			verification('rsa', 'first'),
			verification('ecc', 'first'),
			agentsAtIntervals([1000, 2500, 10_000]),
			severalVerifiers(200),
		],
		close: async () => undefined,
	}),
};
