import type { Route } from '../../common/http/app.ts';
import { parse } from '../../common/http/parse.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Lockout, Lockouts } from '../authenticate/lockouts.ts';
import type { Roster } from '../authenticate/roster.ts';
import { proxyErrors } from '../errors.ts';
import { durably } from '../record.ts';
import { operatorRoute } from './operator-route.ts';
import { type LockoutView, unlockBody } from './schemas.ts';

export interface LockoutRoutesDeps {
	readonly lockouts: Lockouts;
	readonly audit: AuditLog;
	readonly roster: () => Roster;
}

/** `/p2c/v1/lockouts`: operators of the own party who have to wait after wrong passwords. */
export function createLockoutRoutes({ lockouts, audit, roster }: LockoutRoutesDeps): Route[] {
	return [
		operatorRoute('GET', '/lockouts', (_request, { party }) => ({
			lockouts: lockouts.list(party).map(viewLockout),
		})),
		operatorRoute('POST', '/lockouts/unlock', async (request, { name: by, party }) => {
			const { operator: name, from } = parse(unlockBody, request.body);
			const operator = roster().find(name)?.operator;
			// In the same words whether it is nobody or another party's.
			if (operator?.party !== party) throw proxyErrors.NotFound(`your party has no operator ${name}`);
			const record = {
				kind: 'lockout',
				action: 'unlock',
				operator: name,
				party,
				from: from ?? null,
			} as const;
			await durably(audit.append({ ...record, failures: 0, until: null, by }));
			return { unlocked: await lockouts.unlock(operator, from) };
		}),
	];
}

const viewLockout = ({ until, ...lockout }: Lockout): LockoutView => ({
	...lockout,
	until: new Date(until).toISOString(),
});
