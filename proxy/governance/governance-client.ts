import type { z } from 'zod';
import type { Call } from '../client/transport.ts';
import type { Bundle } from './bundle.ts';
import {
	type AgreementView,
	agreementView,
	type ChangeAnswer,
	type ChangeView,
	changeAnswer,
	changeList,
	changeView,
	type VersionSummary,
	type VersionView,
	versionList,
	versionView,
	type WindowView,
	windowList,
	windowView,
} from './schemas.ts';

/** Versions and changes of the policies, and break-glass, of a proxy. Throws as the rest of its client does. */
export interface GovernanceClient {
	agreement(): Promise<AgreementView>;
	/** Newest first. */
	versions(): Promise<readonly VersionSummary[]>;
	/** By its id or what the id begins with, or `in-force`. */
	version(id: string): Promise<VersionView>;
	propose(body: {
		readonly bundle: Bundle;
		readonly acceptLockout?: boolean | undefined;
		readonly comment?: string | undefined;
	}): Promise<ChangeAnswer>;
	changes(state?: string): Promise<readonly ChangeView[]>;
	change(id: string): Promise<ChangeView>;
	approve(
		id: string,
		body: { readonly digest: string; readonly comment?: string | undefined; readonly signature?: string },
	): Promise<ChangeView>;
	deny(id: string, reason: string): Promise<ChangeView>;
	withdraw(id: string, reason?: string): Promise<ChangeView>;
	windows(): Promise<readonly WindowView[]>;
	breakGlass(body: {
		readonly reason: string;
		readonly forMs: number;
		readonly signed?: { readonly at: number; readonly signature: string } | undefined;
	}): Promise<WindowView>;
	endBreakGlass(id: string, reason?: string): Promise<WindowView>;
}

type Ask = <S extends z.ZodType>(schema: S, call: Call) => Promise<z.infer<S>>;

export function createGovernanceClient(ask: Ask): GovernanceClient {
	const base = '/p2c/v1';
	const get = <S extends z.ZodType>(schema: S, path: string) =>
		ask(schema, { method: 'GET', path: base + path });
	const post = <S extends z.ZodType>(schema: S, path: string, body: unknown) =>
		// Through JSON, which drops what is undefined.
		ask(schema, { method: 'POST', path: base + path, body: JSON.parse(JSON.stringify(body)) });
	const at = (kind: string, id: string) => `/${kind}/${encodeURIComponent(id)}`;
	return {
		agreement: () => get(agreementView, '/agreement'),
		versions: async () => (await get(versionList, '/policies/versions')).versions,
		version: id => get(versionView, at('policies/versions', id)),
		propose: body => post(changeAnswer, '/policies/changes', body),
		changes: async state =>
			(await get(changeList, `/policies/changes${state === undefined ? '' : `?state=${state}`}`)).changes,
		change: id => get(changeView, at('policies/changes', id)),
		approve: (id, body) => post(changeView, `${at('policies/changes', id)}/approve`, body),
		deny: (id, reason) => post(changeView, `${at('policies/changes', id)}/deny`, { reason }),
		withdraw: (id, reason) => post(changeView, `${at('policies/changes', id)}/withdraw`, { reason }),
		windows: async () => (await get(windowList, '/break-glass')).windows,
		breakGlass: body => post(windowView, '/break-glass', body),
		endBreakGlass: (id, reason) => post(windowView, `${at('break-glass', id)}/end`, { reason }),
	};
}
