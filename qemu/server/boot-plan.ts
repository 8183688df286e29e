import type { BootMode, BootSettings } from '../bmc/host.ts';

/** What can be booted from, named as Redfish names it, in the order in which firmware tries it when nothing is said. */
export const BOOT_KINDS = ['Hdd', 'Cd', 'Usb', 'Pxe'] as const;
export type BootKind = (typeof BOOT_KINDS)[number];

/** How the next boot goes. */
export interface BootPlan {
	readonly mode: BootMode;
	/** What is tried before anything else. */
	readonly first: BootKind | undefined;
}

/** Settings that are switched off say nothing, whatever they say. */
export function planBoot(settings: BootSettings, own: BootMode): BootPlan {
	if (settings.enabled === 'Disabled') return { mode: own, first: undefined };
	const first = BOOT_KINDS.find(kind => kind === settings.target);
	return { mode: settings.mode ?? own, first };
}

export interface BootDevice {
	/** QEMU's id of the device. */
	readonly id: string;
	readonly kind: BootKind;
}

/**
 * Each device's `bootindex`: firmware tries them in that order and goes on to the next where one does not boot, as
 * machines do (QEMU, docs/system/bootindex).
 */
export function bootIndexes(
	devices: readonly BootDevice[],
	first: BootKind | undefined,
): ReadonlyMap<string, number> {
	const rank = ({ kind }: BootDevice): number => (kind === first ? -1 : BOOT_KINDS.indexOf(kind));
	const ordered = [...devices].sort((a, b) => rank(a) - rank(b));
	return new Map(ordered.map(({ id }, index) => [id, index]));
}
