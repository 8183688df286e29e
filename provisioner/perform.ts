import type { ReadTransaction, Store, Transaction } from '../common/store/store.ts';
import { type Arguments, authorize } from './authorize/decide.ts';
import type { ActionName } from './authorize/table.ts';
import type { World } from './core/world.ts';

/** A verb of the core: its whole effect is what it writes in the transaction. */
export type Verb<A, R> = (tx: Transaction, args: A, world: World) => Promise<R>;
export type ReadVerb<A, R> = (tx: ReadTransaction, args: A, world: World) => Promise<R>;

/** Authorizes the call and carries it out, both in one transaction: what was decided on is what it meets. */
export function perform<A extends object, R>(
	store: Store,
	action: ActionName,
	verb: Verb<A, R>,
	args: A,
	world: World,
): Promise<R> {
	return store.transact(async tx => {
		await authorize(tx, world.actor, action, args as Arguments);
		return verb(tx, args, world);
	});
}

/** The same for what only reads. */
export function look<A extends object, R>(
	store: Store,
	action: ActionName,
	verb: ReadVerb<A, R>,
	args: A,
	world: World,
): Promise<R> {
	return store.read(async tx => {
		await authorize(tx, world.actor, action, args as Arguments);
		return verb(tx, args, world);
	});
}
