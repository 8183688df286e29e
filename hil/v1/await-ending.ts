import { z } from 'zod';
import type { ReadTransaction } from '../../common/store/store.ts';
import type { HilDeps } from '../hil-deps.ts';

/** The argument of calls that can wait: milliseconds, at most 30,000. */
export const waitFor = z.coerce.number().int().min(0).max(30_000).optional();

/** What is shown of something, once it has ended or the time is up. */
export async function onceEnded<V extends { readonly status: string }>(
	{ endings, store }: Pick<HilDeps, 'endings' | 'store'>,
	id: string,
	wait: number | undefined,
	view: V,
	show: (tx: ReadTransaction) => Promise<V>,
): Promise<V> {
	const isOpen = ({ status }: V): boolean => status === 'PENDING' || status === 'UNDOING';
	if (!isOpen(view) || !wait) return view;
	const waiting = endings.wait(id, wait);
	// It may have ended before anybody waited.
	if (!isOpen(await store.read(show))) waiting.cancel();
	await waiting.over;
	return store.read(show);
}
