import type { Route } from '../../common/http/app.ts';
import { parse } from '../../common/http/parse.ts';
import { operatorRoute } from '../api/operator-route.ts';
import type { CanonicalRequest } from '../canonicalise/canonical-request.ts';
import { canonicalise } from '../canonicalise/canonicalise.ts';
import { consoleRequest } from '../canonicalise/handshake.ts';
import { describeUnknown } from '../classify/suggest-row.ts';
import { type ActivePolicies, type ConsiderDeps, lookAtFacts, occasionOf } from '../decide/consider.ts';
import { whoHasSpoken } from '../decide/spoken.ts';
import { proxyErrors } from '../errors.ts';
import type { BmcConnection } from '../forward/bmc-connection.ts';
import type { ShareBmc } from '../limits/share-bmc.ts';
import type { Operator } from '../operator.ts';
import { explain } from './explain.ts';
import { type ExplainBody, type ExplanationView, explainBody } from './schemas.ts';

export interface ExplainDeps extends ConsiderDeps {
	readonly parties: readonly string[];
	readonly policies: () => ActivePolicies;
	readonly bmcs: ReadonlyMap<string, BmcConnection>;
	readonly share: ShareBmc;
}

/** `POST /p2c/v1/explain`: what would come of a request, and why. It reads facts; it executes and keeps nothing. */
export function createExplainRoutes(deps: ExplainDeps): Route[] {
	return [
		operatorRoute('POST', '/explain', (request, operator) =>
			explainRequest(deps, parse(explainBody, request.body), operator),
		),
	];
}

async function explainRequest(
	deps: ExplainDeps,
	asked: ExplainBody,
	viewer: Operator,
): Promise<ExplanationView> {
	const found = deps.bmcs.get(asked.bmc);
	if (!found) throw proxyErrors.UnknownBmc(`this site has no BMC ${asked.bmc}`);
	const bmc = deps.share(found, viewer.party);
	const party = asked.as ?? viewer.party;
	if (!deps.parties.includes(party)) {
		throw proxyErrors.NotFound(`there is no party ${party}; there are ${deps.parties.join(', ')}`);
	}
	const request = canonicalRequest(asked);
	const policies = deps.policies();
	const classified = policies.classify(request);
	const about = {
		bmc: asked.bmc,
		method: request.method,
		path: request.path,
		as: party,
		policyVersion: policies.set.version,
	};
	if (classified.kind !== 'known') {
		return {
			...about,
			verdict: 'deny',
			summary: `It would be denied: ${classified.reason}.`,
			needs: [],
			lacking: {},
			unknown: describeUnknown(classified),
			rows: [],
		};
	}
	const { operations } = classified;
	// Of another party it is not known which operator would ask; a policy that goes by name then does not hold.
	const operator = party === viewer.party ? viewer : { name: '', party };
	const facts = await lookAtFacts(deps, policies, operations, { request, operator, bmc, prefix: '' });
	const person = deps.personOf(viewer);
	const spoken =
		party === viewer.party
			? whoHasSpoken(
					person === undefined ? [] : [{ ...viewer, person }],
					policies.set.members,
					occasionOf(request.method),
				)
			: { parties: new Set([party]), lacking: () => undefined };
	const { parties: authorizations, lacking } = spoken;
	const explained = explain({ operations, authorizations, lacking, facts, request, viewer: viewer.party });
	return { ...about, ...explained, unknown: null };
}

/** Exactly what the listener would make of it; throws the same refusals. */
function canonicalRequest({ method, path, ifMatch, body }: ExplainBody): CanonicalRequest {
	if (method === 'WEBSOCKET') return consoleRequest(path);
	const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
	const headers = {
		Host: 'bmc', // which BMC it is for was said otherwise
		...(bytes && { 'Content-Type': 'application/json', 'Content-Length': String(bytes.length) }),
		...(ifMatch !== undefined && { 'If-Match': ifMatch }),
	};
	return canonicalise({ method, url: path, rawHeaders: Object.entries(headers).flat() }, bytes);
}
