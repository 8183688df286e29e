// A process that plays scenarios, one after another: see plays.ts, which alone sends it what it is to do.
import { play } from './play.ts';
import type { PlayAnswer, PlayTask } from './plays.ts';

const say = (answer: PlayAnswer): void => void process.send?.(answer);

process.on('message', async ({ scenario, regime, seed }: PlayTask) => {
	try {
		const played = await play(scenario, regime, seed, day => say({ type: 'day', day }));
		say({ type: 'played', played });
	} catch (fault) {
		say({ type: 'failed', why: fault instanceof Error ? (fault.stack ?? fault.message) : String(fault) });
	}
});
// Whoever asked is gone.
process.on('disconnect', () => process.exit(0));
