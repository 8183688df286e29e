import type { ReadTransaction } from '../../common/store/store.ts';
import { hilErrors } from '../errors.ts';
import type { Actor } from './actor.ts';
import { type Arguments, type Facts, loadFacts } from './facts.ts';
import { type ActionName, type Rule, rules } from './table.ts';

/** Pure: whether the facts let the actor. */
function isAllowed({ isAdmin, projects }: Actor, facts: Facts): boolean {
	if (isAdmin || facts.isOpen) return true;
	const isOwn = (project: string): boolean => projects.has(project);
	return facts.isOfAll
		? facts.projects.length > 0 && facts.projects.every(isOwn)
		: facts.projects.some(isOwn);
}

const needs: Readonly<Record<Rule, string>> = {
	any: 'a log-in',
	admin: 'an administrator',
	project: 'a member of the project',
	'own-projects': 'a member of the project',
	node: "a member of the node's project, or an administrator while it is free",
	'node-visible': "a member of the node's project",
	'network-new': 'a member of the project that is to own it, or an administrator',
	'network-owner': "a member of the network's owner",
	'network-visible': 'a member of a project with access to the network',
	'network-leave': "a member of the network's owner, or of the project itself",
	'network-attachments':
		"a member of the network's owner, or of the project that is asked for, if it has access",
	action: 'a member of the project that the node had then',
	change: 'a member of every project whose nodes it is about',
	headnode: "a member of the headnode's project",
};

/**
 * Lets the actor's call pass, or throws AuthorizationError. Who is no administrator does not learn by it whether
 * something that only administrators look at is there.
 */
export async function authorize(
	tx: ReadTransaction,
	actor: Actor,
	action: ActionName,
	args: Arguments,
): Promise<void> {
	if (actor.isAdmin) return;
	const rule = rules[action];
	if (isAllowed(actor, await loadFacts(tx, rule, args))) return;
	throw hilErrors.AuthorizationError(`${action} takes ${needs[rule]}: ${actor.name} is not.`);
}
