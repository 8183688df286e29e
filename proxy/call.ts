import type { CanonicalRequest, JsonValue } from './canonicalise/canonical-request.ts';
import { plainRequest } from './canonicalise/plain-request.ts';
import type { BmcConnection } from './forward/bmc-connection.ts';
import type { Operator } from './operator.ts';

/** One Redfish call on its way through the stages: who asks what of which BMC. */
export interface Call {
	readonly request: CanonicalRequest;
	readonly operator: Operator;
	readonly bmc: BmcConnection;
	/** The path prefix under which the client addressed the BMC (`/bmc/node1`), which its links must carry; or ''. */
	readonly prefix: string;
	/** Resources of the proxy that stand in the collection asked for, beside the BMC's. */
	readonly own?: OwnResources | undefined;
	/** Of an upload: where its image is kept until it is sent. */
	readonly kept?: KeptImage | undefined;
}

/** Resources of the proxy itself among a BMC's (its tasks). */
export interface OwnResources {
	/** The collection with them in it. */
	add(collection: JsonValue): JsonValue;
	/** Undefined for what is the BMC's. */
	look(path: string): JsonValue | undefined;
}

export interface KeptImage {
	/** The image's bytes, from the beginning at each call. */
	read(): AsyncIterable<Uint8Array>;
	/** A request that waits needs it: from now on it is removed when that has ended. */
	keep(): void;
}

/** The same call, asking for another resource of the same BMC: decided on by itself, like any other. */
export function readOf(call: Call, path: string): Call {
	return { ...call, own: undefined, kept: undefined, request: plainRequest('GET', path) };
}

/**
 * The resource that a request is about: an action's is the one that offers it, an upload's the update service, a
 * stream's the event service.
 * @returns a path
 */
export function targetOf({ segments, path }: Pick<CanonicalRequest, 'segments' | 'path'>): string {
	const action = segments.indexOf('Actions');
	if (action > 0) return `/${segments.slice(0, action).join('/')}`;
	if (path === '/redfish/v1/EventService/SSE') return '/redfish/v1/EventService';
	return /^\/redfish\/v1\/UpdateService\/update(?:-multipart)?$/.test(path)
		? '/redfish/v1/UpdateService'
		: path;
}
