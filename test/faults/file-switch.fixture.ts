import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import type { PortState } from '../../hil/core/actions.ts';
import { hilErrors } from '../../hil/errors.ts';
import { nativelessTrunk } from '../../hil/model/switch-kind.ts';
import type { SwitchType } from '../../hil/switches/driver.ts';

const nothing: PortState = { native: null, tagged: [] };

/** What a switch in a file carries, which outlives the process that spoke to it. */
export const readSwitchFile = (file: string): Record<string, PortState> =>
	existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Record<string, PortState>) : {};

/** Of a port of this name, which will carry nothing, whatever one says. */
export const stubbornPort = 'stubborn';

/** `between` is called when the old VLANs are off a port and the new ones not on yet. */
export const fileSwitchType = (file: string, between: () => void): SwitchType => ({
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
			const isNothing = wanted.native === null && wanted.tagged.length === 0;
			if (port === stubbornPort && !isNothing) throw hilErrors.SwitchRefused('% Interface is a mirror');
			// As a switch does: the old goes, then the new comes.
			write(nothing);
			between();
			write(wanted);
		},
		close: async () => undefined,
	}),
});
