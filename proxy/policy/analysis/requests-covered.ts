import type { CanonicalRequest } from '../../canonicalise/canonical-request.ts';
import type { Classify } from '../../classify/classify.ts';
import type { Operation, PolicySet } from '../policy-set.ts';
import { requestText, samplesOf } from './sample-request.ts';

/** One request for every kind that some row of the sets covers: by pattern and, of a PATCH, by property. */
export function requestsOf(sets: readonly PolicySet[]): readonly CanonicalRequest[] {
	const found = new Map<string, CanonicalRequest>();
	for (const { operations } of sets) {
		for (const operation of operations) {
			for (const request of samplesOf(operation)) found.set(requestText(request), request);
		}
	}
	return [...found.values()];
}

/** The rows that a request falls under; none when the table does not cover it. */
export function rowsOf(classify: Classify, request: CanonicalRequest): readonly Operation[] {
	const found = classify(request);
	return found.kind === 'known' ? found.operations : [];
}
