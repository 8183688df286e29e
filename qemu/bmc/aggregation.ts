import type { AnyAnswer } from '../redfish/answer.ts';
import type { Caller } from '../redfish/gate.ts';
import { isObject, type Json, type JsonObject, renderJson } from '../redfish/json.ts';
import { etagOf } from '../redfish/render-outcome.ts';
import { header, type RequestHead } from '../redfish/request-head.ts';
import { parseTarget } from '../redfish/target.ts';

/** Another BMC, whose resources this one shows as its own. */
export interface Satellite {
	readonly url: string;
	readonly username: string;
	readonly password: string;
}

type AnswerCall = (head: RequestHead, body: Buffer, caller: Caller) => AnyAnswer | Promise<AnyAnswer>;

/** Collections whose members of a satellite stand beside the own ones, as bmcweb's aggregator has them. */
const collections = [
	'Systems',
	'Chassis',
	'Managers',
	'Fabrics',
	'Cables',
	'UpdateService/FirmwareInventory',
	'TaskService/Tasks',
	'TaskService/TaskMonitors',
].map(name => `/redfish/v1/${name}`);

const passedHeaders = ['content-type', 'if-match', 'if-none-match', 'accept'];
const answeredHeaders = ['allow', 'odata-version', 'link', 'location', 'retry-after', 'content-disposition'];

/**
 * bmcweb's satellite aggregation: a member whose name begins with a satellite's prefix and an underscore is asked of
 * that satellite under the rest of its name, and links in what it answers get the prefix. Any other name is the
 * BMC's own.
 */
export function aggregate(answer: AnswerCall, satellites: Readonly<Record<string, Satellite>>): AnswerCall {
	const ask = async (
		satellite: Satellite,
		target: string,
		{ method, headers }: { method: string; headers: Record<string, string> },
		body: Buffer | undefined,
	): Promise<Response> => {
		const { username, password } = satellite;
		const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
		return fetch(satellite.url + target, {
			method,
			headers: { ...headers, authorization },
			...(body && body.length > 0 && { body: new Uint8Array(body) }),
		});
	};

	const forward = async (
		prefix: string,
		target: string,
		head: RequestHead,
		body: Buffer,
	): Promise<AnyAnswer> => {
		const satellite = satellites[prefix];
		if (!satellite) return { status: 404, headers: [] };
		const headers = Object.fromEntries(
			passedHeaders.flatMap(name => {
				const value = header(head, name);
				return value === undefined ? [] : [[name, value]];
			}),
		);
		const given = await ask(satellite, target, { method: head.method, headers }, body);
		const bytes = Buffer.from(await given.arrayBuffer());
		const contentType = given.headers.get('content-type') ?? undefined;
		const isJson = contentType?.startsWith('application/json') && bytes.length > 0;
		const etag = given.headers.get('etag') ?? undefined;
		return {
			status: given.status,
			headers: answeredHeaders.flatMap((name): [string, string][] => {
				const value = given.headers.get(name);
				return value === null ? [] : [[name, name === 'location' ? withPrefix(value, prefix) : value]];
			}),
			...(etag !== undefined && { etag }),
			...(contentType !== undefined && { contentType }),
			body: isJson ? renderJson(prefixLinks(JSON.parse(bytes.toString('utf8')) as Json, prefix)) : bytes,
		};
	};

	/** The own collection with the members of every satellite. */
	const merge = async (path: string, own: AnyAnswer): Promise<AnyAnswer> => {
		if (!('status' in own) || own.status !== 200 || own.body === undefined) return own;
		const whole = JSON.parse(own.body.toString()) as JsonObject;
		const members = [...((whole.Members as Json[] | undefined) ?? [])];
		for (const [prefix, satellite] of Object.entries(satellites)) {
			const given = await ask(satellite, path, { method: 'GET', headers: {} }, undefined);
			const theirs = given.status === 200 ? ((await given.json()) as JsonObject).Members : [];
			members.push(...((prefixLinks(theirs as Json, prefix) as Json[] | undefined) ?? []));
		}
		const merged = renderJson({ ...whole, Members: members, 'Members@odata.count': members.length });
		return { ...own, body: merged, etag: etagOf(merged) };
	};

	return async (head, body, caller) => {
		const target = parseTarget(head.target);
		const place = target && caller.account ? placeOf(target.path) : undefined;
		if (!target || !place) return answer(head, body, caller);
		if (place.member === undefined) {
			const own = await answer(head, body, caller);
			return head.method === 'GET' && !place.collection.includes('Monitor')
				? merge(place.collection, own)
				: own;
		}
		const [prefix = '', rest = ''] = split(place.member);
		if (!Object.hasOwn(satellites, prefix) || rest === '') return answer(head, body, caller);
		const mark = head.target.indexOf('?');
		const query = mark < 0 ? '' : head.target.slice(mark);
		return forward(prefix, `${place.collection}/${rest}${place.below}${query}`, head, body);
	};
}

function placeOf(
	path: string,
): { collection: string; member: string | undefined; below: string } | undefined {
	const collection = collections.find(name => path === name || path.startsWith(`${name}/`));
	if (collection === undefined) return undefined;
	const [, member, ...below] = path.slice(collection.length).split('/');
	return { collection, member: member || undefined, below: below.map(segment => `/${segment}`).join('') };
}

function split(member: string): [string, string] {
	const at = member.indexOf('_');
	return at < 0 ? ['', member] : [member.slice(0, at), member.slice(at + 1)];
}

function withPrefix(text: string, prefix: string): string {
	const place = placeOf(text);
	return place?.member === undefined ? text : `${place.collection}/${prefix}_${place.member}${place.below}`;
}

function prefixLinks(value: Json, prefix: string): Json {
	if (typeof value === 'string') return withPrefix(value, prefix);
	if (Array.isArray(value)) return value.map(item => prefixLinks(item, prefix));
	if (!isObject(value)) return value;
	return Object.fromEntries(
		Object.entries(value).map(([name, child]) => [
			name,
			child === undefined ? child : prefixLinks(child, prefix),
		]),
	);
}
