import type { RequestDocument } from '../approve/request-document.ts';
import type { Review } from '../approve/review.ts';
import { waitsFor } from '../approve/task.ts';
import { describeUpload } from '../approve/upload.ts';
import { hiddenExpression, seenBy } from '../decide/hidden-policies.ts';
import { viewDoors } from '../enrol/view-doors.ts';
import type { DoorsReport } from '../enrol/watch-doors.ts';
import type { BmcConnection } from '../forward/bmc-connection.ts';
import type { Operation, PolicySet } from '../policy/policy-set.ts';
import type { BmcView, PoliciesView, RequestView, ReviewView } from './schemas.ts';

const time = (ms: number): string => new Date(ms).toISOString();

/** A request as operators of `viewer` see it: exactly what would be executed, and what everybody said. */
export function viewRequest(document: RequestDocument, viewer: string): RequestView {
	const { request, outcome, ended } = document;
	return {
		id: document.id,
		state: document.state,
		bmc: document.bmc,
		method: request.method,
		path: request.path,
		query: request.query,
		ifMatch: request.ifMatch,
		body: viewBody(document),
		digest: document.digest,
		policyVersion: document.policyVersion,
		operations: document.operations,
		requester: document.requester,
		createdAt: time(document.createdAt),
		expiresAt: time(document.expiresAt),
		executeWithinSeconds: document.executeWithin / 1000,
		authorizations: document.authorizations.map(({ validUntil, ...authorization }) => ({
			...authorization,
			at: time(authorization.at),
			validUntil: validUntil === null ? null : time(validUntil),
		})),
		needs: document.needs,
		needsText: document.needs.length > 0 ? waitsFor(document) : '',
		clause: document.clause,
		policies: policiesFor(viewer, document.policies),
		ended: ended && { ...ended, at: time(ended.at) },
		outcome: outcome && { status: outcome.status, at: time(outcome.at) },
	};
}

export function viewReview(review: Review, viewer: string): ReviewView {
	const { request, resource, changes, upload, policies, ifApproved } = review;
	return {
		request: viewRequest(request, viewer),
		resource: resource as ReviewView['resource'],
		changes: changes as ReviewView['changes'],
		upload: upload as ReviewView['upload'],
		policies: policiesFor(viewer, policies),
		ifApproved,
	};
}

const policiesFor = (viewer: string, policies: RequestDocument['policies']): RequestView['policies'] =>
	seenBy(viewer, policies).map(({ private: _private, ...policy }) => policy);

/** JSON as it is; an image by its type, size and hash, which the digest covers as well. */
function viewBody({ request }: RequestDocument): RequestView['body'] {
	const { bytes, contentType, image } = request;
	const isJson = image !== undefined || contentType === 'application/json';
	const body =
		bytes === null || !isJson ? undefined : JSON.parse(Buffer.from(bytes, 'base64').toString('utf8'));
	if (!image) return body ?? null;
	const named = { ...image, fileName: image.fileName ?? undefined };
	const upload = describeUpload({ image: named, contentType: contentType ?? undefined, body });
	return upload && ({ ...upload } as RequestView['body']);
}

export function viewBmc(
	bmc: BmcConnection,
	doors: DoorsReport,
	url: string | null,
	mainUrl: string,
): BmcView {
	const { name, rack } = bmc.target;
	const prefixUrl = `${mainUrl}/bmc/${name}`;
	return { name, rack, url, prefixUrl, state: bmc.state(), ...viewDoors(doors) };
}

/** The policies as an operator of `viewer` may see them. */
export function viewPolicySet(set: PolicySet, viewer: string): PoliciesView {
	return {
		version: set.version,
		operations: set.operations.map(operation => viewOperation(operation, viewer)),
	};
}

function viewOperation(operation: Operation, viewer: string): PoliciesView['operations'][number] {
	const policies = [...operation.policies].map(([party, policy]): [string, string[]] => {
		const { pre, post } = policy;
		if (policy.private && party !== viewer) return [party, [hiddenExpression]];
		const texts = [
			...(pre ? [`${party.toLowerCase()}.pre: ${pre.source}`] : []),
			...post.map(({ source }) => `${party.toLowerCase()}.post: ${source}`),
		];
		return [party, texts];
	});
	return {
		type: operation.type,
		operation: operation.name,
		description: operation.description,
		matches: operation.matches.map(({ source }) => source),
		properties: operation.properties ? [...operation.properties] : null,
		p2c: operation.authorization.source,
		policies: Object.fromEntries(policies),
	};
}
