import type { Claims } from './claims.ts';

/** For tests that are about something else: nothing is reserved and nothing was executed. */
export const noClaims: Claims = {
	overlay: external => external,
	executions: () => [],
	claim: () => ({ durable: Promise.resolve(), release: () => undefined }),
	release: async () => undefined,
};
