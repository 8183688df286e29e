import type { Request } from 'express';
import type { Route } from '../../common/http/app.ts';
import { httpErrors } from '../../common/http/errors.ts';
import { parse } from '../../common/http/parse.ts';
import type { Approver } from '../approve/approver.ts';
import type { Proof } from '../approve/check-signature.ts';
import { concernsParty, type RequestDocument } from '../approve/request-document.ts';
import type { Reviewer } from '../approve/review.ts';
import { noSuchRequest, type WaitingRequests } from '../approve/waiting-requests.ts';
import type { ActivePolicies } from '../decide/consider.ts';
import type { DoorsWatch } from '../enrol/watch-doors.ts';
import { proxyErrors } from '../errors.ts';
import type { BmcConnection } from '../forward/bmc-connection.ts';
import type { Operator } from '../operator.ts';
import type { Spool } from '../upload/spool.ts';
import { describeApi } from './openapi.ts';
import { operatorRoute, operatorStream } from './operator-route.ts';
import * as schemas from './schemas.ts';
import { viewBmc, viewPolicySet, viewRequest, viewReview } from './views.ts';

export interface ApiDeps {
	readonly site: {
		readonly name: string;
		readonly version: string;
		readonly parties: Readonly<Record<string, { readonly description: string }>>;
	};
	readonly policies: () => ActivePolicies;
	readonly waiting: WaitingRequests;
	/** Where uploaded images are kept. */
	readonly spool: Pick<Spool, 'read' | 'size'>;
	readonly approver: Approver;
	readonly review: Reviewer;
	readonly bmcs: ReadonlyMap<string, BmcConnection>;
	readonly doors: Pick<DoorsWatch, 'report'>;
	/** The URL of a BMC's own port, once it listens. */
	readonly bmcUrl: (name: string) => string | null;
	readonly mainUrl: () => string;
}

/** `/p2c/v1`: what operators look at and decide over HTTP. */
export function createApiRoutes(deps: ApiDeps): Route[] {
	const { waiting, approver, bmcs } = deps;
	const id = (request: Request) => String(request.params.id);
	/** Of what does not concern their party operators are told nothing, not even that it is there. */
	const find = async (request: Request, { party }: Operator): Promise<RequestDocument> => {
		const found = await waiting.get(id(request));
		if (!found || !concernsParty(found, party)) throw noSuchRequest(id(request));
		return found;
	};
	/** The id of a request that the operator may see. */
	const own = async (request: Request, operator: Operator): Promise<string> =>
		(await find(request, operator)).id;

	return [
		operatorRoute('GET', '', () => ({
			site: deps.site.name,
			version: deps.site.version,
			policyVersion: deps.policies().set.version,
			parties: Object.entries(deps.site.parties).map(([name, { description }]) => ({ name, description })),
		})),
		operatorRoute('GET', '/openapi.json', () => describeApi(deps.site.version)),
		operatorRoute('GET', '/me', (_request, operator) => operator),
		operatorRoute('GET', '/bmcs', () => ({
			bmcs: [...bmcs].map(([name, bmc]) =>
				viewBmc(bmc, deps.doors.report(name), deps.bmcUrl(name), deps.mainUrl()),
			),
		})),
		operatorRoute('GET', '/policies', (_request, { party }) => viewPolicySet(deps.policies().set, party)),
		operatorRoute('GET', '/requests', async (request, { party }) => {
			const { state, bmc, limit, after } = parse(schemas.requestQuery, request.query, 'query');
			// One more than asked for tells whether there is a next page.
			const found = await waiting.list({ state, bmc, after, party, limit: limit + 1 });
			const page = found.slice(0, limit);
			return {
				requests: page.map(each => viewRequest(each, party)),
				next: found.length > limit ? (page.at(-1)?.id ?? null) : null,
			};
		}),
		operatorRoute('GET', '/requests/:id', async (request, operator) =>
			viewRequest(await find(request, operator), operator.party),
		),
		operatorRoute('GET', '/requests/:id/review', async (request, operator) =>
			viewReview(await deps.review(await find(request, operator), operator), operator.party),
		),
		operatorStream('/requests/:id/image', async (request, operator) => {
			const { state, request: stored } = await find(request, operator);
			if (!stored.image) throw httpErrors.NotFound('The request has no image.');
			// Its file may be there a moment longer.
			if (state !== 'waiting' && state !== 'executing')
				throw proxyErrors.ImageGone(`the request is ${state}: its image is no longer kept here`);
			if ((await deps.spool.size(stored.image.file)) !== stored.image.size)
				throw proxyErrors.ImageGone('the image of the request is no longer kept here');
			return { length: stored.image.size, pieces: deps.spool.read(stored.image.file) };
		}),
		operatorRoute('POST', '/requests/:id/approve', async (request, operator) => {
			const { digest, comment, signed } = parse(schemas.approveBody, request.body);
			return viewRequest(
				await approver.approve(
					await own(request, operator),
					operator,
					digest,
					comment ?? null,
					proofOf(signed),
				),
				operator.party,
			);
		}),
		operatorRoute('POST', '/requests/:id/deny', async (request, operator) => {
			const { reason, signed } = parse(schemas.denyBody, request.body);
			return viewRequest(
				await approver.deny(await own(request, operator), operator, reason, proofOf(signed)),
				operator.party,
			);
		}),
		operatorRoute('POST', '/requests/:id/withdraw', async (request, operator) => {
			const { reason, signed } = parse(schemas.withdrawBody, request.body ?? {});
			return viewRequest(
				await approver.withdraw(await own(request, operator), operator, reason ?? null, proofOf(signed)),
				operator.party,
			);
		}),
	];
}

const proofOf = (signed: { at: string; signature: string } | undefined): Proof | undefined =>
	signed && { at: Date.parse(signed.at), signature: signed.signature };
