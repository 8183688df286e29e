/** What a switch says that could not save; what it says otherwise differs with its firmware. */
export const saveFailure = /\bfail|not saved|no space|denied|aborted/i;
