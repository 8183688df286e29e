import { z } from 'zod';

/**
 * What is said on a rack's control socket: one request, a line of JSON; then lines of JSON until `done` or `failed`,
 * after which the supervisor closes. A console is bytes in both directions after its first line.
 */
export const controlRequest = z.discriminatedUnion('do', [
	/** Answers once the rack is up, with all servers on where `on` says so. */
	z.strictObject({ do: z.literal('up'), on: z.boolean() }),
	z.strictObject({ do: z.literal('status') }),
	z.strictObject({ do: z.literal('console'), node: z.string() }),
	/** Has a port of the switch carry these VLANs and no others. */
	z.strictObject({
		do: z.literal('vlans'),
		port: z.string(),
		untagged: z.int().nullable(),
		tagged: z.array(z.int()),
	}),
	/** Milliseconds for servers to shut down before their power is cut. */
	z.strictObject({ do: z.literal('down'), patienceMs: z.int().min(0) }),
]);
export type ControlRequest = z.infer<typeof controlRequest>;

export const rackStatus = z.strictObject({
	name: z.string(),
	state: z.enum(['starting', 'up', 'ending']),
	/** What it is at, for people. */
	doing: z.string().nullable(),
	/** Of the plan that it was started with. */
	digest: z.string(),
	supervisor: z.int(),
	startedAt: z.iso.datetime(),
	stateFolder: z.string(),
	runFolder: z.string(),
	/** Bytes of everything that belongs to it, what is shared between processes counted once (PSS). */
	memoryBytes: z.int(),
	/** Of the supervisor, with all BMCs and the PDU in it. */
	supervisorBytes: z.int(),
	accelerator: z.enum(['kvm', 'tcg']).nullable(),
	/** Path of the certificate of the authority that signed those of the BMCs and the PDU. */
	ca: z.string().nullable(),
	/** Path of the file with accounts and passwords. */
	credentials: z.string().nullable(),
	nodes: z.array(
		z.strictObject({
			name: z.string(),
			power: z.enum(['Off', 'PoweringOn', 'On', 'PoweringOff']),
			bmc: z.string(),
			/** Path of the file with what its serial port wrote. */
			console: z.string(),
			/** Bytes of its QEMU and TPM. */
			memoryBytes: z.int(),
			/** At its outlet. */
			watts: z.number(),
			macs: z.array(z.string()),
		}),
	),
	pdu: z.strictObject({ url: z.string(), watts: z.number() }).nullable(),
	switch: z
		.strictObject({
			/** The network namespace, for nsenter(1) and ip(8). */
			network: z.string(),
			/** Path of its database's socket (OVSDB). */
			database: z.string(),
			ports: z.array(
				z.strictObject({
					name: z.string(),
					/** The VLAN whose frames have no tag; null: none. */
					untagged: z.int().nullable(),
					tagged: z.array(z.int()),
					linked: z.boolean(),
					fault: z.string().nullable(),
				}),
			),
			/** Why nothing passes any more. */
			fault: z.string().nullable(),
		})
		.nullable(),
});
export type RackStatus = z.infer<typeof rackStatus>;

export const controlAnswer = z.union([
	z.strictObject({ progress: z.string() }),
	z.strictObject({ done: z.literal(true) }),
	z.strictObject({ status: rackStatus }),
	z.strictObject({
		failed: z.strictObject({ code: z.string(), message: z.string(), status: z.int() }),
	}),
]);
export type ControlAnswer = z.infer<typeof controlAnswer>;

/** Of the run folder. */
export const controlSocket = 'control.sock';

/** Bytes of a line; longer ones are no request. */
export const longestLine = 1024 * 1024;
