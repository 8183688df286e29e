import type { z } from 'zod';
import { agreementFile } from './agreement.ts';
import { isOpen, type Window } from './break-glass.ts';
import type { ChangeDocument } from './change-document.ts';
import type { Governor } from './governor.ts';
import type { HistoryEntry } from './in-force.ts';
import { commonScope } from './manifest.ts';
import type { AgreementView, ChangeView, VersionSummary, VersionView, windowView } from './schemas.ts';
import type { Snapshot } from './snapshot.ts';

const time = (ms: number): string => new Date(ms).toISOString();

export function viewVersion(entry: HistoryEntry, inForce: string | undefined): VersionSummary {
	return { ...entry, at: time(entry.at), inForce: entry.id === inForce };
}

/** A version's files as an operator of `party` may see them: a party may keep its policies to itself. */
export function viewFiles(snapshot: Snapshot, party: string): Pick<VersionView, 'files' | 'hidden'> {
	const isShown = (name: string): boolean => {
		const [folder, file] = name.split('/');
		return file === undefined || folder === party.toLowerCase() || file.startsWith('manifest.json');
	};
	return {
		files: Object.fromEntries([...snapshot].filter(([name]) => isShown(name))),
		hidden: [...snapshot.keys()].filter(name => !isShown(name)),
	};
}

export function viewAgreement({
	agreement,
	parts,
	snapshot,
}: ReturnType<Governor['inForce']>): AgreementView {
	return {
		site: agreement.site,
		manifest: parts[commonScope]?.manifest ?? '',
		version: parts[commonScope]?.version ?? 0,
		parties: Object.entries(agreement.parties).map(([name, { root, signingKey }]) => ({
			name,
			root: root ?? null,
			signingKey,
		})),
		change: agreement.change,
		text: snapshot.get(agreementFile) ?? '',
	};
}

/** A change as operators see it: exactly what would come into force. `base` is the version that it replaces. */
export function viewChange(change: ChangeDocument, base: Snapshot): ChangeView {
	const { nonce: _nonce, bundle, createdAt, expiresAt, authorizations, ended, ...rest } = change;
	return {
		...rest,
		scope: bundle.scope,
		createdAt: time(createdAt),
		expiresAt: time(expiresAt),
		authorizations: authorizations.map(authorization => ({ ...authorization, at: time(authorization.at) })),
		ended: ended && { ...ended, at: time(ended.at) },
		bundle,
		files: changedFiles(new Map(Object.entries(bundle.files)), base),
	};
}

function changedFiles(after: Snapshot, base: Snapshot): ChangeView['files'] {
	const isOwn = (name: string) => /^[^/]+\.ya?ml$/.test(name);
	const names = [...new Set([...after.keys(), ...base.keys()])].filter(isOwn).sort();
	return names
		.map(name => ({ name, before: base.get(name) ?? null, after: after.get(name) ?? null }))
		.filter(file => file.before !== file.after);
}

export function viewWindow(window: Window, now: number): z.infer<typeof windowView> {
	const { openedAt, until, ended, signature: _signature, ...rest } = window;
	return {
		...rest,
		open: isOpen(window, now),
		openedAt: time(openedAt),
		until: time(until),
		ended: ended && { ...ended, at: time(ended.at) },
	};
}
