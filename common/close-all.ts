/**
 * Ends what was opened, the last first. One that cannot be ended well keeps none of the others open: what still listens would
 * keep the process. Called again, there is nothing left to end.
 * @throws the first fault, when all of them are over
 */
export async function closeAll(opened: (() => unknown)[]): Promise<void> {
	const faults: unknown[] = [];
	for (const end of opened.splice(0).reverse()) {
		try {
			await end();
		} catch (fault) {
			faults.push(fault);
		}
	}
	if (faults.length > 0) throw faults[0];
}
