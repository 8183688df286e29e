import type { Transaction } from '../../common/store/store.ts';
import { hilErrors } from '../errors.ts';
import { attachments, nativeChannel } from '../model/network.ts';
import { ports, switches, switchSecrets } from '../model/switch.ts';
import { nativelessTrunk, type SwitchKind } from '../model/switch-kind.ts';
import { listBy, mustFind } from './find.ts';
import type { World } from './world.ts';

/** What a switch is and how it is reached, as a caller says it. */
export interface SwitchArguments {
	readonly switch: string;
	readonly type: string;
	/** What its type asks for. */
	readonly [setting: string]: unknown;
}

/** Throws BadArgumentError for a type that has no driver. */
export function kindOf(type: string, { switchKinds }: World): SwitchKind {
	const kind = switchKinds.get(type);
	if (!kind) {
		throw hilErrors.BadArgumentError(
			`'${type}' is no type of switch; ${[...switchKinds.keys()].join(', ')} are.`,
		);
	}
	return kind;
}

/**
 * Writes a switch's settings down. Its secrets are sealed and kept apart: nothing but its worker reads them.
 * @throws BadArgumentError for settings that its type does not take
 */
export async function writeSwitch(tx: Transaction, args: SwitchArguments, world: World): Promise<void> {
	const { switch: label, type, ...given } = args;
	const kind = kindOf(type, world);
	const parsed = kind.settings.safeParse(given);
	if (!parsed.success) {
		const misfits = parsed.error.issues.map(issue => [...issue.path, issue.message].join(': '));
		throw hilErrors.BadArgumentError(
			`The settings do not fit a switch of type ${type}: ${misfits.join('; ')}.`,
		);
	}
	const all = Object.entries(parsed.data);
	const secrets = all.filter(([name]) => kind.secrets.includes(name));
	const settings = all.filter(([name]) => !kind.secrets.includes(name));
	await tx.put(switches, label, { label, type, settings: Object.fromEntries(settings) as never });
	await tx.put(switchSecrets, label, { sealed: world.seal(JSON.stringify(Object.fromEntries(secrets))) });
}

/**
 * Changes what a switch is and how it is reached: a new password, another address, another device in its place. Its ports
 * and what is pending on it stay; all settings are to be given.
 * @throws BadArgumentError when the new type has no ports of these names, or cannot carry what is recorded
 */
export async function changeSwitch(tx: Transaction, args: SwitchArguments, world: World): Promise<void> {
	await mustFind(tx, switches, args.switch, `switch ${args.switch}`);
	const kind = kindOf(args.type, world);
	const needsNative = !kind.capabilities.includes(nativelessTrunk);
	for (const { label, nic } of await listBy(tx, ports, 'switch', args.switch)) {
		if (!kind.isPortName(label)) {
			throw hilErrors.BadArgumentError(`A switch of this type has no port '${label}': ${kind.portNames}.`);
		}
		const attached = nic === null ? [] : await listBy(tx, attachments, 'nic', nic);
		if (needsNative && attached.length > 0 && attached.every(({ channel }) => channel !== nativeChannel)) {
			throw hilErrors.BadArgumentError(
				`Port '${label}' has tagged networks only, which a switch of this type cannot carry.`,
			);
		}
	}
	await writeSwitch(tx, args, world);
}
