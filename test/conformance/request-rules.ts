import { pathOf } from './paths.ts';
import { firstOf, type Rule, sessions, system, unlessExtendedError, unlessStatus } from './rule.ts';

const entries = `${system}/LogServices/EventLog/Entries`;

/** DSP0266, clause 7: service requests. */
export const requestRules: readonly Rule[] = [
	{
		id: 'accept-absent',
		clause: 'GET (read requests) overview',
		rule: 'without Accept the answer is application/json',
		async check({ ask }) {
			const { headers } = await ask('GET', system);
			return /^application\/json/.test(String(headers['content-type']))
				? undefined
				: String(headers['content-type']);
		},
	},
	{
		id: 'accept-json',
		clause: 'Request headers',
		rule: 'Accept with application/json, application/* or */* is served with JSON',
		async check({ ask }) {
			for (const accept of ['application/json', 'application/*', '*/*', 'text/html, */*;q=0.1']) {
				const wrong = unlessStatus(await ask('GET', system, { headers: { accept } }), 200);
				if (wrong) return `${accept}: ${wrong}`;
			}
		},
	},
	{
		id: 'content-type',
		clause: 'Request headers',
		rule: 'a body that is not JSON is refused',
		async check({ ask }) {
			const headers = { 'content-type': 'text/plain' };
			return unlessStatus(await ask('PATCH', system, { body: { AssetTag: 'x' }, headers }), 400, 415);
		},
	},
	{
		id: 'host',
		clause: 'Request headers',
		rule: 'HTTP/1.1 without Host is refused with 400',
		async check({ send }) {
			const answer = await send('GET /redfish/v1 HTTP/1.1\r\nConnection: close\r\n\r\n');
			return /^HTTP\/1\.1 400 /.test(answer) ? undefined : answer.split('\r\n', 1)[0];
		},
	},
	{
		id: 'if-match',
		clause: 'Request headers',
		rule: 'a change whose If-Match is not the ETag of now is refused with 412, and changes nothing',
		async check({ ask }) {
			const before = (await ask('GET', system)).json.AssetTag;
			const headers = { 'if-match': '"no-such-tag"' };
			const refused = await ask('PATCH', system, { body: { AssetTag: `${before}-x` }, headers });
			const after = (await ask('GET', system)).json.AssetTag;
			return firstOf(unlessStatus(refused, 412), before !== after && 'it was changed nevertheless');
		},
	},
	{
		id: 'if-match-now',
		clause: 'Request headers',
		rule: 'a change whose If-Match is the ETag that was given is done',
		async check({ ask }) {
			const etag = String((await ask('GET', system)).headers.etag);
			const options = { body: { AssetTag: 'matched' }, headers: { 'if-match': etag } };
			return unlessStatus(await ask('PATCH', system, options), 200, 204);
		},
	},
	{
		id: 'if-none-match',
		clause: 'Request headers',
		rule: 'a read whose If-None-Match is the ETag of now is answered with 304',
		async check({ ask }) {
			const etag = String((await ask('GET', system)).headers.etag);
			const reply = await ask('GET', system, { headers: { 'if-none-match': etag } });
			return firstOf(unlessStatus(reply, 304), reply.text !== '' && 'it has a body');
		},
	},
	{
		id: 'odata-version',
		clause: 'Request headers',
		rule: 'a version of OData that the service does not speak is refused with 412',
		broken: {
			bmc: 'bmcweb does not read OData-Version',
		},
		async check({ ask }) {
			return firstOf(
				unlessStatus(await ask('GET', system, { headers: { 'odata-version': '4.0' } }), 200),
				unlessStatus(await ask('GET', system, { headers: { 'odata-version': '9.9' } }), 412),
			);
		},
	},
	{
		id: 'get-body',
		clause: 'GET (read requests) overview',
		rule: 'the body of a GET is ignored',
		async check({ ask }) {
			return unlessStatus(await ask('GET', system, { body: { PowerState: 'Off' } }), 200);
		},
	},
	{
		id: 'count',
		clause: 'Resource collection requests',
		rule: 'a collection has Members@odata.count, the number of all its members, also when paged',
		async check({ ask, tree }) {
			const collections = (await tree()).filter(({ reply }) => Array.isArray(reply.json.Members));
			const odd = collections.find(({ reply: { json } }) => {
				const count = json['Members@odata.count'];
				return json['Members@odata.nextLink'] ? count < json.Members.length : count !== json.Members.length;
			});
			const page = (await ask('GET', `${system}/Memory?$top=1`)).json;
			const whole = (await ask('GET', `${system}/Memory`)).json['Members@odata.count'];
			return firstOf(odd?.path, page['Members@odata.count'] !== whole && 'a page counts only itself');
		},
	},
	{
		id: 'features',
		clause: 'Query parameter overview',
		rule: 'the service root says which query parameters there are, and they are there',
		async check({ ask }) {
			const { FilterQuery, SelectQuery, OnlyMemberQuery, ExpandQuery, TopSkipQuery } = (
				await ask('GET', '/redfish/v1')
			).json.ProtocolFeaturesSupported;
			const tried: [boolean | undefined, string][] = [
				[SelectQuery, `${system}?$select=Id`],
				[OnlyMemberQuery, '/redfish/v1/Systems?only'],
				[FilterQuery, `${entries}?$filter=${encodeURIComponent("Severity eq 'OK'")}`],
				[ExpandQuery?.ExpandAll, '/redfish/v1/Systems?$expand=*'],
				[TopSkipQuery, `${entries}?$top=1&$skip=0`],
			];
			for (const [isOffered, target] of tried) {
				const { status } = await ask('GET', target);
				if (isOffered && status !== 200) return `${target} is said to be there and answers ${status}`;
			}
		},
	},
	{
		id: 'query-unknown',
		clause: 'Query parameter overview',
		rule: 'an unknown query parameter is ignored unless it starts with $',
		async check({ ask }) {
			const [plain, extra] = [await ask('GET', system), await ask('GET', `${system}?bogus=1`)];
			return firstOf(unlessStatus(extra, 200), plain.text !== extra.text && 'it changes the answer');
		},
	},
	{
		id: 'query-unknown-dollar',
		clause: 'Query parameter overview',
		rule: 'an unknown query parameter that starts with $ is refused with 501 and an extended error',
		async check({ ask }) {
			const reply = await ask('GET', `${system}?$bogus=1`);
			return firstOf(unlessStatus(reply, 501), unlessExtendedError(reply));
		},
	},
	{
		id: 'query-invalid',
		clause: 'Query parameter overview',
		rule: 'a query parameter with a value that it cannot have is refused with 400',
		async check({ ask }) {
			for (const query of ['$top=-1', '$top=many', '$skip=-1', '$expand=nonsense', 'only=1']) {
				const path = query.startsWith('only') ? '/redfish/v1/Systems' : entries;
				const wrong = unlessStatus(await ask('GET', `${path}?${query}`), 400);
				if (wrong) return `${query}: ${wrong}`;
			}
		},
	},
	{
		id: 'head',
		clause: 'HEAD',
		rule: 'HEAD answers as GET does, without a body',
		broken: {
			bmc: 'bmcweb answers HEAD on a route of its own, without an ETag',
		},
		async check({ ask }) {
			const [get, head] = [await ask('GET', system), await ask('HEAD', system)];
			const differing = ['etag', 'odata-version', 'allow', 'link', 'content-type', 'cache-control'].find(
				name => get.headers[name] !== head.headers[name],
			);
			return firstOf(
				unlessStatus(head, get.status),
				head.text !== '' && 'it has a body',
				differing && `${differing}: ${get.headers[differing]} and ${head.headers[differing]}`,
			);
		},
	},
	{
		id: 'not-modifiable',
		clause: 'Modification error responses',
		rule: 'what a resource does not support is refused with 405',
		async check({ ask }) {
			return firstOf(
				unlessStatus(await ask('DELETE', system), 405),
				unlessStatus(await ask('PATCH', '/redfish/v1/Systems', { body: { Name: 'x' } }), 405),
				unlessStatus(await ask('POST', system, { body: {} }), 405),
			);
		},
	},
	{
		id: 'error-changes-nothing',
		clause: 'Modification error responses',
		rule: 'what is answered with 4xx or 5xx has changed nothing',
		async check({ ask }) {
			const before = await ask('GET', system);
			const body = { AssetTag: 'half', Boot: { BootSourceOverrideTarget: 'Nowhere' } };
			const refused = await ask('PATCH', system, { body });
			const after = await ask('GET', system);
			return firstOf(
				unlessStatus(refused, 400),
				before.json.AssetTag !== after.json.AssetTag && 'AssetTag was set although the request failed',
			);
		},
	},
	{
		id: 'patch-unknown-only',
		clause: 'PATCH (update)',
		rule: 'a PATCH of nothing but unknown or read-only properties is refused and names them',
		async check({ ask }) {
			for (const name of ['NoSuchProperty', 'PowerState']) {
				const reply = await ask('PATCH', system, { body: { [name]: 'x' } });
				if (reply.status < 400 || !reply.text.includes(name)) return `${name}: ${reply.status} ${reply.text}`;
				if (unlessExtendedError(reply)) return unlessExtendedError(reply);
			}
		},
	},
	{
		id: 'patch-annotations',
		clause: 'PATCH (update)',
		rule: 'a PATCH of nothing but annotations succeeds or is answered with 400 and NoOperation',
		async check({ ask }) {
			const reply = await ask('PATCH', system, { body: { '@odata.id': system } });
			if (reply.status === 200 || reply.status === 204) return;
			return firstOf(unlessStatus(reply, 400), !reply.text.includes('NoOperation') && reply.text);
		},
	},
	{
		id: 'create',
		clause: 'POST (create)',
		rule: 'POST to a collection or to its Members creates, each time anew, and says where in Location',
		async check({ ask, askAsNobody, account }) {
			const made = [sessions, `${sessions}/Members`, sessions].map(path =>
				askAsNobody('POST', path, { body: account }),
			);
			const replies = await Promise.all(made);
			const locations = replies.map(({ headers }) => pathOf(headers.location));
			const wrong = replies.map(reply => unlessStatus(reply, 201)).find(Boolean);
			for (const location of locations) await ask('DELETE', location);
			return firstOf(wrong, new Set(locations).size !== 3 && `they share a place: ${locations}`);
		},
	},
	{
		id: 'delete',
		clause: 'DELETE (delete)',
		rule: 'what was deleted is gone',
		async check({ ask, askAsNobody, account }) {
			const made = await askAsNobody('POST', sessions, { body: account });
			const location = pathOf(made.headers.location);
			return firstOf(
				unlessStatus(await ask('GET', location), 200),
				unlessStatus(await ask('DELETE', location), 200, 204),
				unlessStatus(await ask('GET', location), 404),
			);
		},
	},
	{
		id: 'action',
		clause: 'POST (action)',
		rule: 'an action is found at the target that its resource names, and refuses a parameter that it does not know',
		async check({ ask }) {
			const { target } = (await ask('GET', system)).json.Actions['#ComputerSystem.Reset'];
			const refused = await ask('POST', target, { body: { ResetType: 'Sideways' } });
			return firstOf(unlessStatus(refused, 400), unlessExtendedError(refused));
		},
	},
];
