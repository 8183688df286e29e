import type { Request } from 'express';
import type { Clock } from '../../common/clock.ts';
import type { Route } from '../../common/http/app.ts';
import { parse } from '../../common/http/parse.ts';
import { operatorRoute } from '../api/operator-route.ts';
import type { ChangeDocument } from './change-document.ts';
import type { Changes } from './changes.ts';
import { governanceErrors } from './errors.ts';
import type { Governor } from './governor.ts';
import type { HistoryEntry } from './in-force.ts';
import { commonScope } from './manifest.ts';
import * as schemas from './schemas.ts';
import type { Snapshot } from './snapshot.ts';
import { viewAgreement, viewChange, viewFiles, viewVersion, viewWindow } from './views.ts';
import type { Windows } from './windows.ts';

/** What a site with signed policies has beside the versions. */
export interface Governed {
	readonly governor: Governor;
	readonly changes: Changes;
	readonly windows: Windows;
}

export interface GovernanceRoutesDeps {
	/** Undefined where policies are taken unsigned. */
	readonly governed: Governed | undefined;
	/** Newest first. */
	readonly history: () => Promise<HistoryEntry[]>;
	readonly readVersion: (id: string) => Promise<Snapshot>;
	readonly clock: Clock;
}

/** `/p2c/v1/policies/…`, `/agreement` and `/break-glass`. */
export function createGovernanceRoutes(deps: GovernanceRoutesDeps): Route[] {
	const { clock } = deps;
	const governed = (): Governed => {
		if (deps.governed) return deps.governed;
		throw governanceErrors.NotGoverned(
			'this site takes its policies unsigned, from its policy folder: there is no agreement to go by',
		);
	};
	const id = (request: Request) => String(request.params.id);
	const show = async (change: ChangeDocument) =>
		viewChange(change, await governed().governor.readVersion(change.replaces));
	const list = async () => {
		const [latest, ...older] = await deps.history();
		return latest ? [latest, ...older].map(entry => viewVersion(entry, latest.id)) : [];
	};

	return [
		operatorRoute('GET', '/agreement', () => viewAgreement(governed().governor.inForce())),
		operatorRoute('GET', '/policies/versions', async () => ({ versions: await list() })),
		operatorRoute('GET', '/policies/versions/:id', async (request, { party }) => {
			const wanted = id(request);
			const all = await list();
			const found =
				wanted === 'in-force'
					? all.slice(0, 1)
					: all.filter(version => version.id.startsWith(wanted) || version.policyVersion.startsWith(wanted));
			const [version] = found;
			if (!version || wanted.length < 6)
				throw governanceErrors.NoSuchVersion(`no version ${wanted} was kept; six digits name one`);
			if (new Set(found.map(({ id: each }) => each)).size > 1)
				throw governanceErrors.NoSuchVersion(`several versions begin with ${wanted}; give more digits`);
			return { ...version, ...viewFiles(await deps.readVersion(version.id), party) };
		}),
		operatorRoute('POST', '/policies/changes', async (request, operator) => {
			const { governor, changes } = governed();
			const { bundle, acceptLockout, comment } = parse(schemas.changeBody, request.body);
			if (bundle.scope === commonScope) {
				return { taken: null, change: await show(await changes.propose(bundle, operator, comment ?? null)) };
			}
			const entry = await governor.push(bundle, operator, acceptLockout);
			return { taken: viewVersion(entry, entry.id), change: null };
		}),
		operatorRoute('GET', '/policies/changes', async request => {
			const { state } = parse(schemas.changeQuery, request.query, 'query');
			return { changes: await Promise.all((await governed().changes.list(state)).map(show)) };
		}),
		operatorRoute('GET', '/policies/changes/:id', async request =>
			show(await governed().changes.get(id(request))),
		),
		operatorRoute('POST', '/policies/changes/:id/approve', async (request, operator) => {
			const { digest, comment = null, signature = null } = parse(schemas.approveChangeBody, request.body);
			return show(await governed().changes.approve(id(request), operator, { digest, comment, signature }));
		}),
		operatorRoute('POST', '/policies/changes/:id/deny', async (request, operator) => {
			const { reason } = parse(schemas.denyChangeBody, request.body);
			return show(await governed().changes.deny(id(request), operator, reason));
		}),
		operatorRoute('POST', '/policies/changes/:id/withdraw', async (request, operator) => {
			const { reason = null } = parse(schemas.endBody, request.body ?? {});
			return show(await governed().changes.withdraw(id(request), operator, reason));
		}),
		// Everybody is to see it, and asks with every command: so it is answered where there can be none, too.
		operatorRoute('GET', '/break-glass', async () => ({
			windows: ((await deps.governed?.windows.list()) ?? []).map(window => viewWindow(window, clock.now())),
		})),
		operatorRoute('POST', '/break-glass', async (request, operator) => {
			const { reason, forMs, signed } = parse(schemas.openBody, request.body);
			return viewWindow(await governed().windows.open(operator, { reason, forMs, signed }), clock.now());
		}),
		operatorRoute('POST', '/break-glass/:id/end', async (request, operator) => {
			const { reason = null } = parse(schemas.endBody, request.body ?? {});
			return viewWindow(await governed().windows.end(id(request), operator, reason), clock.now());
		}),
	];
}
