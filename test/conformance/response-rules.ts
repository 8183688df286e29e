import { pathOf } from './paths.ts';
import { firstOf, type Rule, sessions, system, unlessExtendedError, unlessStatus } from './rule.ts';

/** DSP0266, clause 8: service responses. */
export const responseRules: readonly Rule[] = [
	{
		id: 'allow-405',
		clause: 'Response headers',
		rule: '405 comes with Allow, which names what the resource supports',
		async check({ ask }) {
			const { status, headers } = await ask('DELETE', system);
			return status === 405 && /\bGET\b/.test(String(headers.allow))
				? undefined
				: `${status} ${headers.allow}`;
		},
	},
	{
		id: 'allow-read',
		clause: 'Response headers',
		rule: 'every GET and HEAD is answered with Allow',
		broken: {
			bmc: 'bmcweb leaves it out of the answers of some routes',
		},
		async check({ ask, tree }) {
			const odd = (await tree()).find(({ reply }) => !/\bGET\b/.test(String(reply.headers.allow)));
			const head = await ask('HEAD', system);
			return firstOf(odd?.path, !head.headers.allow && 'HEAD has none');
		},
	},
	{
		id: 'cache-control',
		clause: 'Response headers',
		rule: 'every answer says whether it may be cached',
		async check({ ask, tree }) {
			const odd = (await tree()).find(({ reply }) => !reply.headers['cache-control']);
			const missing = await ask('GET', '/redfish/v1/Nope');
			return firstOf(odd?.path, !missing.headers['cache-control'] && 'an error does not');
		},
	},
	{
		id: 'link-described-by',
		clause: 'Link header',
		rule: 'every resource names its JSON Schema in Link with rel=describedby, of the version of its @odata.type',
		broken: {
			bmc: 'bmcweb leaves it out of the answers of some routes',
		},
		async check({ tree }) {
			const odd = (await tree()).find(({ reply: { headers, json } }) => {
				const [, uri = ''] = /<([^>]+)>\s*;\s*rel="?describedby"?/.exec(String(headers.link)) ?? [];
				const [, type = ''] = /^#(\w+)\./.exec(String(json['@odata.type'])) ?? [];
				const version = /\.(v\d+_\d+_\d+)\./.exec(String(json['@odata.type']))?.[1];
				const named = /\.(v\d+_\d+_\d+)\b/.exec(uri)?.[1];
				return !uri.includes(type) || (named !== undefined && named !== version);
			});
			return odd && `${odd.path}: ${odd.reply.headers.link}`;
		},
	},
	{
		id: 'location',
		clause: 'Response headers',
		rule: '201 comes with Location, and that of a session with X-Auth-Token as well',
		async check({ ask, askAsNobody, account }) {
			const { status, headers } = await askAsNobody('POST', sessions, { body: account });
			const location = pathOf(headers.location);
			await ask('DELETE', location);
			return status === 201 && location.startsWith(sessions) && headers['x-auth-token']
				? undefined
				: `${status} ${headers.location}`;
		},
	},
	{
		id: 'odata-version-header',
		clause: 'Response headers',
		rule: 'every answer with a Redfish body carries OData-Version 4.0',
		broken: {
			bmc: 'bmcweb leaves it out of the answers of some routes',
		},
		async check({ ask, tree }) {
			const odd = (await tree()).find(({ reply }) => reply.headers['odata-version'] !== '4.0');
			const error = await ask('GET', '/redfish/v1/Nope');
			return firstOf(odd?.path, error.headers['odata-version'] !== '4.0' && 'an error does not');
		},
	},
	{
		id: 'www-authenticate',
		clause: 'Response headers',
		rule: '401 comes with WWW-Authenticate, for a missing and for a wrong credential',
		async check({ askAsNobody, askWith }) {
			for (const reply of [await askAsNobody('GET', system), await askWith('no-such-token', 'GET', system)]) {
				const wrong = firstOf(
					unlessStatus(reply, 401),
					!reply.headers['www-authenticate'] && 'no WWW-Authenticate',
				);
				if (wrong) return wrong;
			}
		},
	},
	{
		id: 'token-random',
		clause: 'Response headers',
		rule: 'session tokens look random: no two begin alike, and each has at least 128 bits',
		async check({ ask, askAsNobody, account }) {
			const tokens: string[] = [];
			for (let i = 0; i < 8; i++) {
				const { headers } = await askAsNobody('POST', sessions, { body: account });
				tokens.push(String(headers['x-auth-token']));
				await ask('DELETE', pathOf(headers.location));
			}
			// 62 letters hold 5.95 bits each.
			const short = tokens.some(token => (token.length - 1) * 5.95 < 112);
			const alike = new Set(tokens.map(token => token.slice(0, 6))).size < tokens.length;
			return firstOf(short && 'they are short', alike && 'they begin alike');
		},
	},
	{
		id: 'error-body',
		clause: 'Error responses',
		rule: '400, 404, 405 and 501 carry extended error information with ids of a message registry',
		async check({ ask }) {
			const tried: [string, string, unknown?][] = [
				['PATCH', system, '{'],
				['GET', '/redfish/v1/Nope'],
				['DELETE', system],
				['GET', `${system}?$bogus`],
			];
			for (const [method, target, body] of tried) {
				const wrong = unlessExtendedError(await ask(method, target, { body }));
				if (wrong) return `${method} ${target}: ${wrong}`;
			}
		},
	},
	{
		id: 'not-found',
		clause: 'Status codes',
		rule: 'a URI that names nothing is answered with 404',
		async check({ ask }) {
			return firstOf(
				unlessStatus(await ask('GET', '/redfish/v1/Systems/nobody'), 404),
				unlessStatus(await ask('GET', '/redfish/v1/Chassis/nothing/Sensors'), 404),
			);
		},
	},
	{
		id: 'metadata',
		clause: 'OData $metadata',
		rule: '$metadata is XML of type application/xml with an EntityContainer',
		async check({ askAsNobody }) {
			const { headers, text } = await askAsNobody('GET', '/redfish/v1/$metadata');
			return /^application\/xml/.test(String(headers['content-type'])) && text.includes('<EntityContainer ')
				? undefined
				: `${headers['content-type']} ${text.slice(0, 80)}`;
		},
	},
	{
		id: 'service-document',
		clause: 'OData service document',
		rule: 'odata is JSON with @odata.context and a value that lists the service root and its children',
		async check({ askAsNobody }) {
			const { headers, json } = await askAsNobody('GET', '/redfish/v1/odata');
			return firstOf(
				!/^application\/json/.test(String(headers['content-type'])) && String(headers['content-type']),
				json['@odata.context'] !== '/redfish/v1/$metadata' && String(json['@odata.context']),
				!json.value?.some(({ url }: { url: string }) => url === '/redfish/v1/Systems') && 'no Systems',
			);
		},
	},
	{
		id: 'type-and-id',
		clause: 'Resource responses',
		rule: 'a resource has @odata.id (its own URI), @odata.type, Id (not a collection) and Name',
		async check({ tree }) {
			const odd = (await tree()).find(
				({ path, reply: { json } }) =>
					json['@odata.id'] !== path ||
					!/^#\w+(?:\.v\d+_\d+_\d+)?\.\w+$/.test(json['@odata.type']) ||
					typeof json.Name !== 'string' ||
					(!Array.isArray(json.Members) && typeof json.Id !== 'string'),
			);
			return odd && `${odd.path}: ${odd.reply.text.slice(0, 100)}`;
		},
	},
	{
		id: 'asynchronous',
		clause: 'Asynchronous operations',
		rule: '202 names a task monitor in Location, which answers 202 until the task ends and its result then',
		async check({ ask, pass }) {
			const target = '/redfish/v1/Managers/bmc/LogServices/Dump/Actions/LogService.CollectDiagnosticData';
			const begun = await ask('POST', target, { body: { DiagnosticDataType: 'Manager' } });
			const monitor = pathOf(begun.headers.location);
			const running = await ask('GET', monitor);
			pass(60_000);
			const ended = await ask('GET', monitor);
			return firstOf(
				unlessStatus(begun, 202),
				running.status !== 202 && `the monitor answers ${running.status} while the task runs`,
				(ended.status === 202 || ended.status >= 400) && `and ${ended.status} when it has ended`,
			);
		},
	},
];
