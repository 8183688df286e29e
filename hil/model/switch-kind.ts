import type { z } from 'zod';

/** HIL's name for ports that can carry tagged networks without a native one. */
export const nativelessTrunk = 'nativeless-trunk-mode';

/** What is known of a kind of switch before anybody speaks to one. */
export interface SwitchKind {
	/** The URI by which HIL's interface names it. */
	readonly type: string;
	readonly capabilities: readonly string[];
	/** What registering one must say besides its type. */
	readonly settings: z.ZodObject;
	/** Those of the settings that are secrets. */
	readonly secrets: readonly string[];
	isPortName(name: string): boolean;
	/** What port names look like, in words. */
	readonly portNames: string;
}
