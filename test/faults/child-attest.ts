import { fileURLToPath } from 'node:url';
import { startChildService } from './child-service.ts';

export type ToAttest =
	/** Count writes from now on, and die before that one (from 1). */
	| { readonly kind: 'arm'; readonly killAt?: number }
	/** Evidence has come, and was found good or not. */
	| { readonly kind: 'judge'; readonly admission: string; readonly isGood: boolean };
export type FromAttest =
	| { readonly kind: 'up'; readonly url: string }
	/** Writes since it was armed last. */
	| { readonly kind: 'armed'; readonly passed: number }
	| { readonly kind: 'judged' };

/** The real attestation service of a site file in a process of its own, with its store and its HTTP. */
export interface ChildAttest {
	readonly url: string;
	/** Writes since it was armed last, or began. */
	arm(killAt?: number): Promise<number>;
	judge(admission: string, isGood: boolean): Promise<void>;
	/** Whether it is gone. */
	isDead(): boolean;
	/** Kills it if it is still there. */
	end(): Promise<void>;
}

const program = fileURLToPath(new URL('attest-child.fixture.ts', import.meta.url));

/** Starts it; undefined when it died on the way up, as `killAt` wants it. Throws when it ends otherwise. */
export async function startChildAttest(config: string, killAt?: number): Promise<ChildAttest | undefined> {
	const child = startChildService<ToAttest, FromAttest>(program, [config], killAt);
	const up = await child.ask(undefined, 'up');
	if (!up) return undefined;
	return {
		url: up.url,
		async arm(at) {
			const armed = await child.ask({ kind: 'arm', ...(at !== undefined && { killAt: at }) }, 'armed');
			return armed?.passed ?? 0;
		},
		async judge(admission, isGood) {
			await child.ask({ kind: 'judge', admission, isGood }, 'judged');
		},
		isDead: child.isDead,
		end: child.end,
	};
}
