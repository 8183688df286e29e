import type { JsonRpc } from './json-rpc.ts';

/**
 * Makes ovs-vswitchd, at its control socket, forget how frames of known kinds were passed on, and then where stations are
 * (ovs-vswitchd(8), revalidator/purge, fdb/flush): each is looked up anew by the configuration in force. Until then a port
 * that was cut off still reaches those that it has just spoken with, and is sent what is for its own station. In this order:
 * while it forgets flows it counts their last frames, and learns from them once more where their senders were.
 */
export async function forgetFrames(control: JsonRpc): Promise<void> {
	await control.ask('revalidator/purge', []);
	await control.ask('fdb/flush', []);
}
