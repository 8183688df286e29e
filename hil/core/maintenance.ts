import { z } from 'zod';
import { defineCollection, type Transaction } from '../../common/store/store.ts';
import { label, moment } from '../model/label.ts';

/** What the maintenance service has not been told yet. */
const announcement = z.strictObject({ node: label, from: label, at: moment });
export type Announcement = z.output<typeof announcement>;
export const announcements = defineCollection('maintenance-announcements', announcement);

/** Recorded with the move itself, so that neither is there without the other; told by maintenance/announce.ts. */
export async function announceMaintenance(
	tx: Transaction,
	{ id, ...told }: Announcement & { readonly id: string },
): Promise<void> {
	await tx.insert(announcements, id, told);
}
