import { fileURLToPath } from 'node:url';
import { startChildService } from './child-service.ts';

export type ToHil =
	/** Count moments from now on, and die at that one (from 1). */
	{ readonly kind: 'arm'; readonly killAt?: number } | { readonly kind: 'passed' };
export type FromHil =
	| { readonly kind: 'up'; readonly url: string }
	| { readonly kind: 'armed' }
	| { readonly kind: 'passed'; readonly moments: string[] };

/** The real hil of a site file in a process of its own, with its store and its HTTP. */
export interface ChildHil {
	readonly url: string;
	arm(killAt?: number): Promise<void>;
	/** The moments since it was armed. */
	passed(): Promise<string[]>;
	kill(signal: NodeJS.Signals): void;
	/** By which signal it ended, or with which code. */
	readonly exit: Promise<NodeJS.Signals | number | null>;
	/** Kills it if it is still there. */
	end(): Promise<void>;
}

const program = fileURLToPath(new URL('hil-child.fixture.ts', import.meta.url));

/**
 * Starts it; undefined when it died on the way up, as `killAt` wants it (a number of moments, counted from its start).
 * Throws when it ends otherwise.
 */
export async function startChildHil(
	config: string,
	{ switchFile, killAt }: { readonly switchFile?: string; readonly killAt?: number } = {},
): Promise<ChildHil | undefined> {
	const args = [config, ...(switchFile === undefined ? [] : [switchFile])] as const;
	const child = startChildService<ToHil, FromHil>(program, args, killAt);
	const up = await child.ask(undefined, 'up');
	if (!up) return undefined;
	return {
		url: up.url,
		async arm(at) {
			await child.ask({ kind: 'arm', ...(at !== undefined && { killAt: at }) }, 'armed');
		},
		passed: async () => (await child.ask({ kind: 'passed' }, 'passed'))?.moments ?? [],
		kill: child.kill,
		exit: child.exit,
		end: child.end,
	};
}
