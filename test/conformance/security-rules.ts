import { pathOf } from './paths.ts';
import { firstOf, type Rule, sessions, system, unlessStatus } from './rule.ts';

const open = new Set(['/redfish', '/redfish/v1', '/redfish/v1/$metadata', '/redfish/v1/odata']);

/** DSP0266, clause 13: security details. */
export const securityRules: readonly Rule[] = [
	{
		id: 'tls',
		clause: 'Transport Layer Security (TLS) protocol overview',
		rule: 'TLS of version 1.2 or later',
		async check({ tlsVersion }) {
			const version = await tlsVersion();
			return version === 'TLSv1.3' || version === 'TLSv1.2' ? undefined : String(version);
		},
	},
	{
		id: 'basic',
		clause: 'HTTP Basic authentication',
		rule: 'Basic works without a session, and makes none',
		async check({ ask }) {
			const before = (await ask('GET', sessions)).json['Members@odata.count'];
			const wrong = unlessStatus(await ask('GET', system), 200);
			const after = (await ask('GET', sessions)).json['Members@odata.count'];
			return firstOf(wrong, before !== after && 'a session was made');
		},
	},
	{
		id: 'session',
		clause: 'Session login',
		rule: 'a log-in gives token, Location and the session as a resource; the token works until the session is deleted',
		async check({ ask, askAsNobody, askWith, account }) {
			const made = await askAsNobody('POST', sessions, { body: account });
			const token = String(made.headers['x-auth-token']);
			const location = pathOf(made.headers.location);
			const shown = await askWith(token, 'GET', location);
			const used = await askWith(token, 'GET', system);
			await ask('DELETE', location);
			return firstOf(
				unlessStatus(made, 201),
				made.json['@odata.id'] !== location && 'the body is not the session',
				made.json.UserName !== account.UserName && 'the body does not say whose it is',
				made.text.includes(account.Password) && 'the body shows the password',
				unlessStatus(shown, 200),
				unlessStatus(used, 200),
				unlessStatus(await askWith(token, 'GET', system), 401),
			);
		},
	},
	{
		id: 'sessions-uri',
		clause: 'Redfish login sessions',
		rule: 'the service root and the session service name the same collection of sessions',
		async check({ ask }) {
			const root = (await ask('GET', '/redfish/v1')).json.Links.Sessions['@odata.id'];
			const service = (await ask('GET', '/redfish/v1/SessionService')).json.Sessions['@odata.id'];
			return root === service ? undefined : `${root} and ${service}`;
		},
	},
	{
		id: 'reads-need-log-in',
		clause: 'Resource and operation authentication requirements',
		rule: 'nothing but the service root, /redfish, $metadata and odata is shown to nobody',
		async check({ askAsNobody, tree }) {
			for (const { path } of await tree()) {
				const { status } = await askAsNobody('GET', path);
				if (status !== (open.has(path) ? 200 : 401)) return `${path}: ${status}`;
			}
		},
	},
	{
		id: 'writes-need-log-in',
		clause: 'Resource and operation authentication requirements',
		rule: 'nothing but a log-in is done for nobody, and what does not exist is not told apart',
		async check({ askAsNobody, tree }) {
			for (const { path } of await tree()) {
				for (const method of ['POST', 'PATCH', 'DELETE']) {
					if (method === 'POST' && path === sessions) continue;
					const { status } = await askAsNobody(method, path, { body: {} });
					if (status !== 401) return `${method} ${path}: ${status}`;
				}
			}
			return unlessStatus(await askAsNobody('GET', '/redfish/v1/Systems/nobody'), 401);
		},
	},
	{
		id: 'authenticate-first',
		clause: 'HTTP header authentication requirements',
		rule: 'who somebody is comes before every other header',
		async check({ askAsNobody }) {
			const headers = { 'if-match': '"x"', 'odata-version': '9.9', 'content-type': 'text/plain' };
			return unlessStatus(await askAsNobody('PATCH', system, { body: '{}', headers }), 401);
		},
	},
	{
		id: 'no-cookies',
		clause: 'HTTP header authentication requirements',
		rule: 'a cookie authenticates nobody',
		broken: {
			bmc: 'the cookie of its web pages authenticates everywhere',
		},
		async check({ ask, askAsNobody, account }) {
			const made = await askAsNobody('POST', sessions, { body: account });
			const cookie = [
				`BMCWEB-SESSION=${made.headers['x-auth-token']}`,
				`SESSION=${made.headers['x-auth-token']}`,
			].join('; ');
			const tried = await askAsNobody('GET', system, { headers: { cookie } });
			await ask('DELETE', pathOf(made.headers.location));
			return firstOf(
				unlessStatus(tried, 401),
				made.headers['set-cookie'] !== undefined && 'one is given out',
			);
		},
	},
	{
		id: 'refusals-tell-nothing',
		clause: 'Authentication failure requirements',
		rule: 'a failed log-in does not say whether the user exists',
		async check({ askAsNobody, account }) {
			const wrong = { ...account, Password: 'wrong' };
			const unknown = { UserName: 'nobody-at-all', Password: 'wrong' };
			const [known, stranger] = [
				await askAsNobody('POST', sessions, { body: wrong }),
				await askAsNobody('POST', sessions, { body: unknown }),
			];
			return firstOf(
				unlessStatus(known, 401),
				unlessStatus(stranger, 401),
				known.text.replace(account.UserName, '') !== stranger.text.replace(unknown.UserName, '') &&
					'the answers differ',
			);
		},
	},
	{
		id: 'roles',
		clause: 'Roles',
		rule: 'the roles Administrator, Operator and ReadOnly are there, and cannot be changed',
		async check({ ask }) {
			for (const role of ['Administrator', 'Operator', 'ReadOnly']) {
				const path = `/redfish/v1/AccountService/Roles/${role}`;
				const before = await ask('GET', path);
				const refused = await ask('PATCH', path, { body: { AssignedPrivileges: ['Login'] } });
				const after = await ask('GET', path);
				const wrong = firstOf(
					unlessStatus(before, 200),
					refused.status < 400 && `it can be changed: ${refused.status}`,
					before.text !== after.text && 'it was changed',
				);
				if (wrong) return `${role}: ${wrong}`;
			}
		},
	},
	{
		id: 'one-role',
		clause: 'Privilege model',
		rule: 'every account has exactly one role, one of those that are there',
		async check({ tree }) {
			const all = await tree();
			const roles = new Set(all.map(({ path }) => path).filter(path => /\/Roles\/[^/]+$/.test(path)));
			const accounts = all.filter(({ path }) => /\/Accounts\/[^/]+$/.test(path));
			return accounts.find(({ reply }) => !roles.has(reply.json.Links?.Role?.['@odata.id']))?.path;
		},
	},
];
