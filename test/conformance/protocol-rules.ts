import { pathOf } from './paths.ts';
import { firstOf, type Rule, sessions, system, unlessStatus } from './rule.ts';

const linksOf = (json: unknown): string[] => {
	if (Array.isArray(json)) return json.flatMap(linksOf);
	if (json === null || typeof json !== 'object') return [];
	return Object.entries(json).flatMap(([name, value]) =>
		(name === '@odata.id' || name === 'target' || name.endsWith('nextLink')) && typeof value === 'string'
			? [value]
			: linksOf(value),
	);
};

/** DSP0266, clause 6: protocol details. */
export const protocolRules: readonly Rule[] = [
	{
		id: 'uri-characters',
		clause: 'Universal Resource Identifiers',
		rule: 'URIs have neither unsafe nor percent-encoded characters',
		async check({ tree }) {
			const links = (await tree()).flatMap(({ reply }) => linksOf(reply.json));
			return links.find(link => /[\s<>"%{}|\\^`[\]]/.test(link));
		},
	},
	{
		id: 'relative-references',
		clause: 'Redfish-defined URIs and relative reference rules',
		rule: 'every reference starts with a slash and holds the absolute path',
		async check({ tree }) {
			return (await tree()).flatMap(({ reply }) => linksOf(reply.json)).find(link => !link.startsWith('/'));
		},
	},
	{
		id: 'methods',
		clause: 'HTTP methods',
		rule: 'GET, POST, PATCH and DELETE are supported',
		async check({ ask, account }) {
			const made = await ask('POST', sessions, { body: account });
			const location = pathOf(made.headers.location);
			const AssetTag = 'conformance';
			return firstOf(
				unlessStatus(await ask('GET', system), 200),
				unlessStatus(made, 201),
				unlessStatus(await ask('PATCH', system, { body: { AssetTag } }), 200, 204),
				unlessStatus(await ask('DELETE', location), 200, 204),
			);
		},
	},
	{
		id: 'unsupported-methods',
		clause: 'HTTP methods',
		rule: 'a method that is not supported is answered with 405 or 501',
		async check({ ask }) {
			return firstOf(
				unlessStatus(await ask('PUT', system), 405, 501),
				unlessStatus(await ask('PROPFIND', system), 405, 501),
			);
		},
	},
	{
		id: 'json',
		clause: 'Media types',
		rule: 'every resource is a JSON object of type application/json',
		async check({ tree }) {
			const odd = (await tree()).find(
				({ reply }) =>
					!/^application\/json(?:;|$)/.test(String(reply.headers['content-type'])) ||
					typeof reply.json !== 'object' ||
					Array.isArray(reply.json),
			);
			return odd && `${odd.path}: ${odd.reply.headers['content-type']}`;
		},
	},
	{
		id: 'etag-form',
		clause: 'ETags',
		rule: 'an ETag has the form of RFC 9110 §8.8.3',
		async check({ tree }) {
			const odd = (await tree()).find(
				({ reply: { headers } }) =>
					headers.etag && !/^(?:W\/)?"[\x21\x23-\x7e]*"$/.test(String(headers.etag)),
			);
			return odd && `${odd.path}: ${odd.reply.headers.etag}`;
		},
	},
	{
		id: 'etag-account',
		clause: 'ETags',
		rule: 'a ManagerAccount has an ETag',
		async check({ tree }) {
			const accounts = (await tree()).filter(({ path }) => /\/Accounts\/[^/]+$/.test(path));
			if (accounts.length === 0) return 'there is no account to look at';
			return accounts.find(({ reply }) => !reply.headers.etag)?.path;
		},
	},
	{
		id: 'version',
		clause: 'Protocol version',
		rule: '/redfish names the service roots by major version',
		async check({ askAsNobody }) {
			const reply = await askAsNobody('GET', '/redfish');
			return reply.json?.v1 === '/redfish/v1/' ? undefined : reply.text;
		},
	},
	{
		id: 'standard-uris',
		clause: 'Redfish-defined URIs and relative reference rules',
		rule: '/redfish, /redfish/v1/, /redfish/v1/odata and /redfish/v1/$metadata are there',
		async check({ askAsNobody }) {
			for (const path of ['/redfish', '/redfish/v1/', '/redfish/v1/odata', '/redfish/v1/$metadata']) {
				const wrong = unlessStatus(await askAsNobody('GET', path), 200);
				if (wrong) return `${path}: ${wrong}`;
			}
		},
	},
	{
		id: 'root-slash',
		clause: 'Redfish-defined URIs and relative reference rules',
		rule: '/redfish/v1 is the same as /redfish/v1/, or leads there',
		async check({ askAsNobody }) {
			const [bare, slashed] = [
				await askAsNobody('GET', '/redfish/v1'),
				await askAsNobody('GET', '/redfish/v1/'),
			];
			return bare.text === slashed.text || bare.status === 308 ? undefined : 'they differ';
		},
	},
];
