import type { Door } from './initiator.ts';

/** One disk that can be logged in to. */
export interface Ready {
	readonly door: Door;
	/** What the target serves: the disk as a file of this machine. */
	readonly file: string;
	/** Takes all of it away. */
	end(): Promise<void>;
}

export interface ReadyMaker {
	/** A disk made of an image, by its name; resolves when it can be logged in to. */
	makeReady(image: string): Promise<Ready>;
}
