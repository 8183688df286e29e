import type { Clock } from '../../../common/clock.ts';
import type { Account } from '../../redfish/accounts.ts';
import { passwordFits } from '../../redfish/accounts.ts';
import { collection, type JsonObject, link } from '../../redfish/json.ts';
import { created, failed, forbidden, notFound, type Outcome, ok, success } from '../../redfish/outcome.ts';
import { CONFIGURE_MANAGER, LOGIN, MANAGER_OR_SELF, mayUse, OPEN } from '../../redfish/privileges.ts';
import { text, wholeNumber } from '../../redfish/request-body.ts';
import { act, resource } from '../../redfish/route-kinds.ts';
import type { Call, Route } from '../../redfish/route-table.ts';
import type { Session, Sessions } from '../../redfish/sessions.ts';

const SERVICE = '/redfish/v1/SessionService';
const SESSIONS = `${SERVICE}/Sessions`;

/** What logging in needs; the PDU has it too. */
export interface SessionHost {
	readonly sessions: Sessions;
	readonly clock: Clock;
	readonly failedLoginDelayMs: number;
	findAccount(name: string): Account | undefined;
	touch(): void;
}

export function sessionRoutes(host: SessionHost): Route[] {
	const { sessions } = host;
	const show = (session: Session): JsonObject => ({
		'@odata.id': `${SESSIONS}/${session.id}`,
		'@odata.type': '#Session.v1_7_0.Session',
		Id: session.id,
		Name: 'User Session',
		Description: 'Manager User Session',
		UserName: session.account,
		ClientOriginIPAddress: session.address,
		Roles: [host.findAccount(session.account)?.role ?? ''],
	});
	const visible = (call: Call) => sessions.list().filter(session => maySee(call, session));

	const open = async (call: Call): Promise<Outcome> => {
		const read = call.values({ UserName: text, Password: text, Token: text }, ['UserName', 'Password']);
		if (!read.ok) return read.outcome;
		const name = String(read.value.get('UserName'));
		const account = await verify(host, name, String(read.value.get('Password')));
		if (!account) {
			return failed(401, 'ResourceAtUriUnauthorized', call.target.path, 'Invalid username or password');
		}
		const session = sessions.open(account.name, call.remoteAddress);
		return created(`${SESSIONS}/${session.id}`, show(session), [['X-Auth-Token', session.token]]);
	};

	return [
		...resource(SERVICE, () => service(sessions), { schema: 'SessionService' }),
		act(
			'PATCH',
			SERVICE,
			CONFIGURE_MANAGER,
			call => {
				const read = call.values({ SessionTimeout: wholeNumber(30, 86_400) });
				if (!read.ok) return read.outcome;
				sessions.timeout = Number(read.value.get('SessionTimeout'));
				return success();
			},
			{ schema: 'SessionService' },
		),
		...resource(
			SESSIONS,
			call =>
				collection(
					SESSIONS,
					'SessionCollection',
					'Session Collection',
					visible(call).map(session => session.id),
					'Session Collection',
				),
			{ schema: 'SessionCollection.json', volatile: true },
		),
		act('POST', SESSIONS, OPEN, open),
		act('POST', `${SESSIONS}/Members`, OPEN, open),
		...resource(
			`${SESSIONS}/{}`,
			call => {
				const session = visible(call).find(candidate => candidate.id === call.params[0]);
				return session && show(session);
			},
			{ schema: 'Session', volatile: true },
		),
		act('DELETE', `${SESSIONS}/{}`, MANAGER_OR_SELF, call => {
			const id = call.params[0] ?? '';
			const session = sessions.list().find(candidate => candidate.id === id);
			if (!session) return notFound('Session', id);
			if (!maySee(call, session)) return forbidden();
			sessions.remove(id);
			return success();
		}),
		act('POST', '/login', OPEN, call => logIn(host, call), { outside: true }),
		act(
			'POST',
			'/logout',
			LOGIN,
			call => {
				if (call.session) sessions.remove(call.session.id);
				return ok({ data: 'User logged out', message: '200 OK', status: 'ok' });
			},
			{ outside: true },
		),
	];
}

function service(sessions: Sessions): JsonObject {
	return {
		'@odata.id': SERVICE,
		'@odata.type': '#SessionService.v1_0_2.SessionService',
		Id: 'SessionService',
		Name: 'Session Service',
		Description: 'Session Service',
		ServiceEnabled: true,
		SessionTimeout: sessions.timeout,
		Sessions: link(SESSIONS),
	};
}

/** Somebody without ConfigureManager sees and ends only the sessions of their own account. */
function maySee(call: Call, session: Session): boolean {
	if (!call.account) return false;
	return session.account === call.account.name || mayUse(call.account.role, CONFIGURE_MANAGER);
}

async function verify(host: SessionHost, name: string, password: string): Promise<Account | undefined> {
	const account = host.findAccount(name);
	if (account?.enabled && passwordFits(account, password)) return account;
	if (host.failedLoginDelayMs > 0) {
		await new Promise<void>(resolve => {
			host.clock.after(host.failedLoginDelayMs, resolve);
		});
	}
	return undefined;
}

/** The log-in of OpenBMC's web pages: a session by cookie, with a second token against cross-site requests. */
async function logIn(host: SessionHost, call: Call): Promise<Outcome> {
	const read = call.values({ username: text, password: text }, ['username', 'password']);
	if (!read.ok) return { status: 400 };
	const { value } = read;
	const account = await verify(host, String(value.get('username')), String(value.get('password')));
	if (!account) return { status: 401 };
	const session = host.sessions.open(account.name, call.remoteAddress);
	return ok({ token: session.token }, [
		['Set-Cookie', `XSRF-TOKEN=${session.csrf}; Path=/; SameSite=Strict; Secure`],
		['Set-Cookie', `BMCWEB-SESSION=${session.token}; Path=/; SameSite=Strict; Secure; HttpOnly`],
	]);
}
