import type { ReadTransaction } from '../../common/store/store.ts';
import { attestErrors } from '../errors.ts';
import type { Actor } from './actor.ts';
import { type ActionName, type Rule, rules } from './table.ts';

/**
 * Lets the actor's call pass, in the transaction that the call itself runs in.
 * @throws NotLoggedIn; Forbidden for what the actor may see and not do; NotThere for what is not there, or not to be seen
 */
export async function authorize(_tx: ReadTransaction, actor: Actor, action: ActionName): Promise<void> {
	const rule: Rule = rules[action];
	if (rule === 'anybody') return;
	if (actor.name === '') throw attestErrors.NotLoggedIn(`${action} takes a log-in.`);
	switch (rule) {
		case 'any':
			return;
		case 'admin':
			if (actor.isAdmin) return;
			throw attestErrors.Forbidden(`${action} takes an administrator.`);
		default:
			rule satisfies never;
	}
}
