import { BimetalError } from '../../common/errors/bimetal-error.ts';

const fault =
	(code: string) =>
	(message: string, options: { cause?: unknown } = {}) =>
		new BimetalError(code, message, { ...options, expose: true });

/** What can be wrong with a flash image, its board, and its start. */
export const openbmcErrors = {
	/** It is no file, is empty, larger than any flash, or not what its SHA-256 says. */
	ImageRefused: fault('ImageRefused'),
	/** Which board it is for is not known, or this QEMU has no such board. */
	MachineUnknown: fault('MachineUnknown'),
	/** The board runs, or has ended, and Redfish did not answer in time. */
	RedfishSilent: fault('RedfishSilent'),
};
