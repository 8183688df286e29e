import { BimetalError } from '../errors/bimetal-error.ts';

/**
 * Runs `work` with `transaction` and makes the transaction unusable once `work` has ended, so that a forgotten `await`
 * is found and cannot write into somebody else's transaction.
 */
export async function whileOpen<Tx extends object, R>(
	transaction: Tx,
	work: (transaction: Tx) => Promise<R>,
): Promise<R> {
	let over = false;
	const guarded = Object.fromEntries(
		Object.entries(transaction).map(([name, call]) => [
			name,
			async (...args: unknown[]) => {
				if (over)
					throw new BimetalError('TransactionOver', `${name} was called after its transaction had ended`);
				return call(...args);
			},
		]),
	);
	try {
		return await work(guarded as Tx);
	} finally {
		over = true;
	}
}
