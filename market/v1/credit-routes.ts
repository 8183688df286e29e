import { hash } from 'node:crypto';
import { z } from 'zod';
import type { Transaction } from '../../common/store/store.ts';
import { listPage } from '../core/pages.ts';
import { projectAccount, projectName } from '../ledger/account.ts';
import { claims, viewClaim } from '../ledger/claim.ts';
import { grantCredits, setCreditLine, showCredits, transferCredits } from '../ledger/credits.ts';
import { parseCredits } from '../ledger/money.ts';
import { showStatement } from '../ledger/statement.ts';
import { pageArguments } from './page-arguments.ts';
import { changes, type MarketRoute, reads } from './route.ts';
import * as views from './views.ts';

const credits = z.string().max(40);
const moved = {
	amount: credits,
	/** The same key again moves nothing again. */
	key: z.string().min(1).max(100),
	note: z.string().max(500).default(''),
};

/** A caller's key stands behind who calls: nobody's is in another's way, nor in the way of what the market itself pays. */
const keyOf = (verb: string, project: string, key: string): string =>
	`${verb}/${hash('sha256', project).slice(0, 32)}/${key}`;

const show = (tx: Transaction, project: string) => showCredits(tx, project);

export const creditRoutes = (): readonly MarketRoute[] => [
	reads({
		path: '/credits/{project}',
		action: 'credits.show',
		summary: 'What a project has, owes and has set aside',
		answer: views.account,
		verb: (tx, { project }) => showCredits(tx, project),
	}),
	reads({
		path: '/credits/{project}/statement',
		action: 'credits.statement',
		summary: 'What came and went, oldest first',
		body: pageArguments,
		answer: views.statement,
		verb: (tx, { project, after, limit = 100 }) =>
			showStatement(tx, { account: projectAccount(project), limit, ...(after !== undefined && { after }) }),
	}),
	reads({
		path: '/credits/{project}/claims',
		action: 'credits.claims',
		summary: 'What a project owes others beyond what it had, and they it; with `all` also what is paid',
		body: { ...pageArguments, all: z.enum(['true', 'false']).optional() },
		answer: views.claims,
		verb: async (tx, { project, all, ...page }) => {
			const { page: found, next } = await listPage(tx, claims, {
				...page,
				where: { index: 'project', equals: project },
				show: (id, claim) => (all === 'true' || claim.left !== '0' ? viewClaim(id, claim) : undefined),
			});
			return { claims: found, next };
		},
	}),
	changes('POST', {
		path: '/credits/{project}/transfer',
		action: 'credits.transfer',
		summary: 'Give credits to another project',
		body: { ...moved, to: projectName },
		answer: views.account,
		verb: async (tx, { project: from, to, amount, key, note }, { now }) => {
			const asked = { key: keyOf('transfer', from, key), amount: parseCredits(amount) };
			await transferCredits(tx, { ...asked, from, to, cause: { kind: 'gift', of: '', note } }, now * 1000);
			return show(tx, from);
		},
	}),
	changes('POST', {
		path: '/credits/{project}/grant',
		action: 'credits.grant',
		summary: 'Issue credits to a project',
		body: moved,
		answer: views.account,
		verb: async (tx, { project, amount, key, note }, { now }) => {
			const asked = { key: keyOf('grant', project, key), amount: parseCredits(amount) };
			await grantCredits(tx, { ...asked, project, cause: { kind: 'grant', of: '', note } }, now * 1000);
			return show(tx, project);
		},
	}),
	changes('PUT', {
		path: '/credits/{project}/line',
		action: 'credits.line',
		summary: 'Agree how far below zero a project may go',
		body: { amount: credits },
		answer: views.account,
		verb: async (tx, { project, amount }, { now }) => {
			const creditLine = amount === '0' ? 0n : parseCredits(amount);
			await setCreditLine(tx, { project, creditLine }, now * 1000);
			return show(tx, project);
		},
	}),
];
