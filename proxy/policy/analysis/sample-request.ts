import type { CanonicalRequest, JsonValue } from '../../canonicalise/canonical-request.ts';
import type { Facts } from '../facts.ts';
import type { Operation, RequestPattern } from '../policy-set.ts';

/** What stands for the variables of a pattern in examples: what OpenBMC calls them. */
const names: Readonly<Record<string, string>> = { system: 'system', manager: 'bmc', chassis: 'chassis' };

/** A request that a pattern matches; of a PATCH one that changes just `property` (`Boot.*`: one below Boot). */
export function sampleRequest(pattern: RequestPattern, property?: string): CanonicalRequest {
	const segments = pattern.segments.map(segment =>
		segment.kind === 'literal'
			? segment.text
			: segment.kind === 'variable'
				? (names[segment.name] ?? '1')
				: 'Any',
	);
	return requestOf(pattern.method, segments, property === undefined ? undefined : bodyOf(property));
}

/** A canonical request without query and conditions. */
export function requestOf(
	method: CanonicalRequest['method'],
	segments: readonly string[],
	body: JsonValue | undefined,
): CanonicalRequest {
	const sent = body ?? (method === 'PATCH' ? { Any: true } : undefined);
	return {
		method,
		path: `/${segments.join('/')}`,
		segments,
		query: [],
		ifMatch: undefined,
		ifNoneMatch: undefined,
		body: sent,
		bytes: undefined,
		contentType: sent === undefined ? undefined : 'application/json',
	};
}

function bodyOf(property: string): JsonValue {
	const path = property.split('.').map(name => (name === '*' ? 'Any' : name));
	return path.reduceRight<JsonValue>((value, name) => ({ [name]: value }), true);
}

/** Every kind of request that a row covers: one for each of its patterns and, of a PATCH, for each property. */
export function samplesOf(operation: Operation): readonly CanonicalRequest[] {
	return operation.matches.flatMap(pattern =>
		operation.properties
			? operation.properties.map(property => sampleRequest(pattern, property))
			: [sampleRequest(pattern)],
	);
}

/** `PATCH /redfish/v1/Systems/system {"AssetTag":true}` */
export function requestText({ method, path, body }: CanonicalRequest): string {
	return `${method} ${path}${body === undefined ? '' : ` ${JSON.stringify(body)}`}`;
}

/** What policies see of a request before anything else is known. */
export function factsOfRequest(request: CanonicalRequest, party: string): Facts {
	return {
		Request: {
			Method: request.method === 'HEAD' ? 'GET' : request.method,
			Path: request.path,
			Operation: '',
			Bmc: 'node1',
			Rack: 'rack1',
			Party: party,
			Operator: `${party.toLowerCase()}-operator`,
			Body: request.body ?? null,
		},
		Resource: undefined,
		External: {},
	};
}

/** The facts that a person must know to follow an example: what the policies read besides the request. */
export function factsText(facts: Facts): readonly string[] {
	const { Body: body = null, Image: image } = facts.Request;
	return [
		...(image === undefined ? [] : [`Request.Image = ${JSON.stringify(image)}`]),
		...(body === null ? [] : [`Request.Body = ${JSON.stringify(body)}`]),
		...(facts.Resource === undefined ? [] : [`Resource = ${JSON.stringify(facts.Resource)}`]),
		...(facts.Time === undefined ? [] : [`the time is ${new Date(facts.Time).toISOString()}`]),
		...(facts.Executions && facts.Executions.length > 0
			? [`${facts.Executions.length} executed just before`]
			: []),
		...Object.entries(facts.External).map(([name, value]) =>
			value.status === 'fresh'
				? `External.${name} = ${JSON.stringify(value.value)}`
				: `External.${name} is unavailable`,
		),
	];
}
