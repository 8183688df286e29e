import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import type { PortState } from '../core/actions.ts';
import { nativelessTrunk } from '../model/switch-kind.ts';
import type { SwitchType } from '../switches/driver.ts';

const nothing: PortState = { native: null, tagged: [] };

/** What a switch in a file carries, which outlives the process that spoke to it. */
export const readSwitchFile = (file: string): Record<string, PortState> =>
	existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Record<string, PortState>) : {};

export const fileSwitchType = (file: string): SwitchType => ({
	type: 'urn:test:file',
	capabilities: [nativelessTrunk],
	settings: z.looseObject({}),
	secrets: [],
	isPortName: () => true,
	portNames: 'any',
	open: () => ({
		readPort: async port => readSwitchFile(file)[port] ?? nothing,
		async setPort(port, wanted) {
			const write = (state: PortState) => {
				writeFileSync(`${file}.new`, JSON.stringify({ ...readSwitchFile(file), [port]: state }));
				renameSync(`${file}.new`, file);
			};
			// As a switch does: the old goes, then the new comes. A kill can fall between the two.
			write(nothing);
			await new Promise(resolve => setTimeout(resolve, 2));
			write(wanted);
		},
		close: async () => undefined,
	}),
});
