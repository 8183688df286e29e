import type { ReadTransaction } from '../../common/store/store.ts';
import { mustFind } from '../core/find.ts';
import { actions } from '../model/action.ts';
import { changes } from '../model/change.ts';
import { departures } from '../model/departure.ts';
import { headnodes } from '../model/headnode.ts';
import { networks } from '../model/network.ts';
import { nodes } from '../model/node.ts';
import { obmActions } from '../model/obm-action.ts';
import type { Rule } from './table.ts';

/** What a rule comes to for one call. */
export interface Facts {
	/** Whoever is logged in may. */
	readonly isOpen: boolean;
	/** Members of any of these may; of all of them, where `isOfAll`. */
	readonly projects: readonly string[];
	readonly isOfAll?: boolean;
}

/** The arguments of a call, by HIL's names. */
export type Arguments = Readonly<Record<string, unknown>>;

const closed: Facts = { isOpen: false, projects: [] };
const open: Facts = { isOpen: true, projects: [] };
const of = (...projects: readonly (string | null)[]): Facts => ({
	isOpen: false,
	projects: projects.filter(project => project !== null),
});

/**
 * The facts that decide, read in the transaction that the call itself runs in: nothing changes in between.
 * @throws NotFoundError when what the rule goes by is not there
 */
export async function loadFacts(tx: ReadTransaction, rule: Rule, args: Arguments): Promise<Facts> {
	const named = (key: string): string => {
		const value = args[key];
		return typeof value === 'string' ? value : '';
	};
	switch (rule) {
		case 'any':
			return open;
		case 'admin':
			return closed;
		case 'project':
			return of(named('project'));
		case 'own-projects':
			return args.project === undefined ? open : of(named('project'));
		case 'network-new':
			return named('owner') === 'admin' ? closed : of(named('owner'));
		case 'node':
		case 'node-visible': {
			const { project } = await mustFind(tx, nodes, named('node'), `node ${named('node')}`);
			return rule === 'node-visible' && project === null ? open : of(project);
		}
		case 'action': {
			const id = named('id');
			const other =
				id === '' ? undefined : ((await tx.get(obmActions, id)) ?? (await tx.get(departures, id)));
			return of((other ?? (await mustFind(tx, actions, id, `networking action ${id}`))).project);
		}
		case 'change': {
			const { projects } = await mustFind(tx, changes, named('id'), `change ${named('id')}`);
			return { isOpen: false, projects, isOfAll: true };
		}
		case 'headnode': {
			const { project } = await mustFind(tx, headnodes, named('headnode'), `headnode ${named('headnode')}`);
			return of(project);
		}
		case 'network-owner':
		case 'network-visible':
		case 'network-leave':
		case 'network-attachments':
			return networkFacts(tx, rule, named('network'), named('project'));
		default:
			return rule satisfies never;
	}
}

async function networkFacts(
	tx: ReadTransaction,
	rule: `network-${'owner' | 'visible' | 'leave' | 'attachments'}`,
	network: string,
	project: string,
): Promise<Facts> {
	const { owner, access } = await mustFind(tx, networks, network, `network ${network}`);
	const hasAccess = access === null || access.includes(project);
	switch (rule) {
		case 'network-owner':
			return of(owner);
		case 'network-visible':
			return access === null ? open : of(owner, ...access);
		case 'network-leave':
		case 'network-attachments':
			return project !== '' && hasAccess ? of(owner, project) : of(owner);
		default:
			return rule satisfies never;
	}
}
