import type { CanonicalRequest } from '../../canonicalise/canonical-request.ts';
import type { Facts } from '../facts.ts';
import type { Operation } from '../policy-set.ts';
import type { Situation } from './find-facts.ts';
import { factsOfRequest, requestOf, samplesOf } from './sample-request.ts';

/** What is known of every request that falls under a row. */
export function situationOfRow(operation: Operation, parties: readonly string[]): Situation {
	const [sample] = samplesOf(operation);
	const base = sample ?? requestOf('GET', ['redfish'], undefined);
	return {
		facts: withOperation(factsOfRequest(base, parties[0] ?? ''), operation),
		only: new Map([
			['Request.Method', [...new Set(operation.matches.map(({ method }) => method))]],
			['Request.Operation', [operation.name]],
			['Request.Party', parties],
		]),
	};
}

/** What is known of one request that one party makes. */
export function situationOfRequest(
	request: CanonicalRequest,
	party: string,
	accepts?: (facts: Facts) => boolean,
): Situation {
	const facts = factsOfRequest(request, party);
	return {
		facts,
		only: new Map([
			['Request.Method', [facts.Request.Method]],
			['Request.Path', [facts.Request.Path]],
			['Request.Party', [party]],
		]),
		...(accepts && { accepts }),
	};
}

export const withOperation = (facts: Facts, { name }: Operation): Facts => ({
	...facts,
	Request: { ...facts.Request, Operation: name },
});
