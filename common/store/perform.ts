import type { ReadTransaction, Store, Transaction } from './store.ts';

/** A verb of a service's core: its whole effect is what it writes in the transaction. */
export type VerbOf<A, R, World> = (tx: Transaction, args: A, world: World) => Promise<R>;
export type ReadVerbOf<A, R, World> = (tx: ReadTransaction, args: A, world: World) => Promise<R>;

/** The arguments of a call, by the interface's names. */
type Arguments = Readonly<Record<string, unknown>>;

/** How a service lets verbs be carried out: `authorize` lets the call pass, or throws why not. */
export function createPerform<Action, World extends { readonly actor: unknown }>(
	authorize: (tx: ReadTransaction, actor: World['actor'], action: Action, args: Arguments) => Promise<void>,
) {
	return {
		/** Authorizes the call and carries it out, both in one transaction: what was decided on is what it meets. */
		perform: <A extends object, R>(
			store: Store,
			action: Action,
			verb: VerbOf<A, R, World>,
			args: A,
			world: World,
		): Promise<R> =>
			store.transact(async tx => {
				await authorize(tx, world.actor, action, args as Arguments);
				return verb(tx, args, world);
			}),
		/** The same for what only reads. */
		look: <A extends object, R>(
			store: Store,
			action: Action,
			verb: ReadVerbOf<A, R, World>,
			args: A,
			world: World,
		): Promise<R> =>
			store.read(async tx => {
				await authorize(tx, world.actor, action, args as Arguments);
				return verb(tx, args, world);
			}),
	};
}
