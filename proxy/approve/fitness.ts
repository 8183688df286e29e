import { proxyErrors } from '../errors.ts';
import type { Operator } from '../operator.ts';
import type { RequestDocument } from './request-document.ts';
import { parties } from './task.ts';

export const notWaiting = (request: RequestDocument) =>
	proxyErrors.RequestNotWaiting(`request ${request.id} is ${request.state}, it no longer waits`);

export const notNeeded = (request: RequestDocument, operator: Operator) =>
	proxyErrors.NotNeeded(`request ${request.id} does not wait for ${operator.party}`);

/**
 * Everything that makes an approval count for nothing, each with what the approver can do. `standing` are the
 * authorizations of those who are operators still.
 */
export function refuseUnfit(
	request: RequestDocument,
	standing: RequestDocument['authorizations'],
	operator: Operator,
	digest: string,
): void {
	if (request.state !== 'waiting') throw notWaiting(request);
	if (standing.some(({ party }) => party === operator.party)) {
		throw proxyErrors.AlreadyAuthorized(
			`${operator.party} has authorized request ${request.id} already; it waits for ${parties(request.needs)}`,
		);
	}
	const lapsed = request.authorizations.some(({ party }) => party === operator.party);
	if (!lapsed && !request.needs.some(alternative => alternative.includes(operator.party))) {
		throw notNeeded(request, operator);
	}
	if (request.digest !== digest) {
		throw proxyErrors.DigestMismatch(
			`the approval names another request than ${request.id} is; look at it again and approve with its digest`,
		);
	}
}
