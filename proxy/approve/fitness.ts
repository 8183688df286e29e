import { proxyErrors } from '../errors.ts';
import type { Operator } from '../operator.ts';
import type { RequestDocument } from './request-document.ts';
import { waitsFor } from './task.ts';

export const notWaiting = (request: RequestDocument) =>
	proxyErrors.RequestNotWaiting(`request ${request.id} is ${request.state}, it no longer waits`);

export const notNeeded = (request: RequestDocument, operator: Operator) =>
	proxyErrors.NotNeeded(`request ${request.id} does not wait for ${operator.party}`);

/** What is known of the people at the moment of an approval. */
export interface Standing {
	/** The authorizations of those who are operators still. */
	readonly standing: RequestDocument['authorizations'];
	readonly personOf: (operator: Operator) => string | undefined;
	/** Do the party's own rules let this operator speak for it at all? */
	readonly mayCount: boolean;
}

/** Everything that makes an approval count for nothing, each with what the approver can do. */
export function refuseUnfit(
	request: RequestDocument,
	operator: Operator,
	digest: string,
	{ standing, personOf, mayCount }: Standing,
): void {
	if (request.state !== 'waiting') throw notWaiting(request);
	const own = standing.filter(({ party }) => party === operator.party);
	const isNeeded = request.needs.some(alternative => alternative.includes(operator.party));
	const person = personOf(operator)?.toLowerCase();
	const self = own.find(each => personOf(each)?.toLowerCase() === person);
	if (own.length > 0 && (self || !isNeeded)) {
		const who = isNeeded && self ? `${self.name}, who is you,` : operator.party;
		throw proxyErrors.AlreadyAuthorized(
			`${who} has authorized request ${request.id} already; it waits for ${waitsFor(request)}`,
		);
	}
	const lapsed = request.authorizations.some(({ party }) => party === operator.party);
	if (!lapsed && !isNeeded) throw notNeeded(request, operator);
	if (!mayCount) {
		throw proxyErrors.NotNeeded(
			`${operator.name} stands in no group that speaks for ${operator.party} on request ${request.id}; it waits for ${waitsFor(request)}`,
		);
	}
	if (request.digest !== digest) {
		throw proxyErrors.DigestMismatch(
			`the approval names another request than ${request.id} is; look at it again and approve with its digest`,
		);
	}
}
