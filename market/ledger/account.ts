import { z } from 'zod';
import { defineCollection } from '../../common/store/store.ts';
import { balanceText } from './money.ts';

/** A project's name, which is hil's: a slash is not among its characters, and joins names to ids here. */
export const projectName = z.string().regex(/^(?!\.{1,2}$)[A-Za-z0-9 $_.+!*'(),-]{1,128}$/);

const account = z.strictObject({
	/**
	 * `project`: what a project can spend. `escrow`: what is held of it for its bids. `mint`: the one account that stands
	 * against all the others; credits are issued from it, so its balance is minus the credits there are.
	 */
	kind: z.enum(['project', 'escrow', 'mint']),
	balance: balanceText,
	/** How far below zero the balance may go; the mint has no such bound. */
	creditLine: balanceText.refine(text => !text.startsWith('-')),
	/** Milliseconds since the epoch. */
	openedAt: z.int().min(0),
});
export type Account = z.output<typeof account>;
export const accounts = defineCollection('ledger-accounts', account);

export const mint = 'mint';
export const projectAccount = (project: string): string => `project/${project}`;
export const escrowAccount = (project: string): string => `escrow/${project}`;
