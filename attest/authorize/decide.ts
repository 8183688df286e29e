import type { ReadTransaction } from '../../common/store/store.ts';
import { attestErrors } from '../errors.ts';
import { admissions } from '../model/admission.ts';
import { subscriptions } from '../model/notice.ts';
import { passages } from '../model/passage.ts';
import { type Actor, isMember } from './actor.ts';
import { type ActionName, type Rule, rules } from './table.ts';

/** The arguments of a call. */
export type Arguments = Readonly<Record<string, unknown>>;

/**
 * Lets the actor's call pass, in the transaction that the call itself runs in.
 * @throws NotLoggedIn; Forbidden for what the actor may see and not do; NotThere for what is not there, or not to be seen
 */
export async function authorize(
	tx: ReadTransaction,
	actor: Actor,
	action: ActionName,
	args: Arguments,
): Promise<void> {
	const named = (key: string): string => {
		const value = args[key];
		return typeof value === 'string' ? value : '';
	};
	const rule: Rule = rules[action];
	if (rule === 'anybody') return;
	if (actor.name === '') throw attestErrors.NotLoggedIn(`${action} takes a log-in.`);
	switch (rule) {
		case 'any':
			return;
		case 'admin':
			if (actor.isAdmin) return;
			throw attestErrors.Forbidden(`${action} takes an administrator.`);
		case 'project':
			if (isMember(actor, named('project'))) return;
			throw attestErrors.Forbidden(`${action} takes a member of the project.`);
		case 'admission': {
			const found = await tx.get(admissions, named('admission'));
			if (found && isMember(actor, found.project)) return;
			throw attestErrors.NotThere(`There is no admission ${named('admission')}.`);
		}
		case 'subscription': {
			const found = await tx.get(subscriptions, named('subscription'));
			if (found && isMember(actor, found.project)) return;
			throw attestErrors.NotThere(`There is no subscription ${named('subscription')}.`);
		}
		case 'passage': {
			const found = await tx.get(passages, named('passage'));
			if (found && isMember(actor, found.project)) return;
			throw attestErrors.NotThere(`There is no passage ${named('passage')}.`);
		}
		default:
			rule satisfies never;
	}
}
